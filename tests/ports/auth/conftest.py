"""Every store of keys, on every database that there is."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from atelier_auth.adapters.tables import METADATA
from atelier_service.database import create_engine, create_schema


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An empty database with auth's tables."""
    engine = create_engine(database_url)
    await create_schema(engine, METADATA)
    yield engine
    await engine.dispose()
