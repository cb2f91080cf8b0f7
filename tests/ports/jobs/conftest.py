"""The plane under test: real databases, and a real broker where one is needed."""

from collections.abc import AsyncIterator

import pytest

from tests.ports.jobs.plane import Plane, open_plane
from tests.support.nats import nats_server

__all__ = ["nats_server"]


@pytest.fixture
async def plane(database_url: str) -> AsyncIterator[Plane]:
    """Stores of one process on an empty database, without a broker."""
    async with open_plane(database_url) as plane:
        yield plane
