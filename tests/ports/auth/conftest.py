"""Every store of keys, on every database that there is."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from atelier_auth.adapters.tables import SCHEMAS
from atelier_service.database import create_engine
from atelier_service.migrations.upgrade import upgrade


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An empty database with auth's tables."""
    await upgrade(database_url, SCHEMAS)
    engine = create_engine(database_url)
    yield engine
    await engine.dispose()
