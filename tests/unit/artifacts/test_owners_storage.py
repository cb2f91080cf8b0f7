"""What a worker hears of storage, and of auth, which says on whose behalf it asks."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from atelier_artifacts.adapters.storage import OwnersStorage, Upload
from atelier_service.channel import open_channel
from atelier_service.credentials import ServiceCredential
from atelier_service.errors import UnavailableError
from tests.support.s3 import free_ports

UPLOAD = Upload(
    owner="ada", job_id="0197", epoch=1, write_once_key="image/0197/1/0", filename="0197-0.png",
    content_type="image/png", content=b"bytes",
)  # fmt: skip


@pytest.fixture
async def storage() -> AsyncIterator[OwnersStorage]:
    """Auth and storage are away."""
    auth, away = (f"127.0.0.1:{port}" for port in free_ports(2))
    credential = ServiceCredential(auth, "atelier-image-worker", SecretStr("secret"))
    async with open_channel(away) as channel:
        yield OwnersStorage(channel, credential)
    await credential.close()


async def test_reading_while_auth_is_away_can_be_tried_again(storage: OwnersStorage) -> None:
    with pytest.raises(UnavailableError):
        await storage.read("ada", "a1")


async def test_storing_while_auth_is_away_can_be_tried_again(storage: OwnersStorage) -> None:
    with pytest.raises(UnavailableError):
        await storage.store(UPLOAD)
