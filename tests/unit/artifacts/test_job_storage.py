"""What a worker hears of storage while storage is unavailable, and while there is no token yet."""

from collections.abc import AsyncIterator

import pytest

from atelier_artifacts.adapters.storage import JobStorage, Upload
from atelier_service.channel import open_channel
from atelier_service.errors import UnavailableError
from tests.support.s3 import free_ports

UPLOAD = Upload(
    job_id="0197", epoch=1, write_once_key="image/0197/1/0", filename="0197-0.png", content_type="image/png",
    content=b"bytes",
)  # fmt: skip


@pytest.fixture
async def storage() -> AsyncIterator[JobStorage]:
    """Storage is unavailable."""
    [port] = free_ports(1)
    async with open_channel(f"127.0.0.1:{port}") as channel:
        yield JobStorage(channel)


@pytest.mark.parametrize("token", ["", "a token"], ids=["without a token yet", "with a token"])
async def test_reading_can_be_tried_again(storage: JobStorage, token: str) -> None:
    with pytest.raises(UnavailableError):
        await storage.read("a1", token)


@pytest.mark.parametrize("token", ["", "a token"], ids=["without a token yet", "with a token"])
async def test_storing_can_be_tried_again(storage: JobStorage, token: str) -> None:
    with pytest.raises(UnavailableError):
        await storage.store(UPLOAD, token)
