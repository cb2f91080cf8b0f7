"""The database of both processes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import make_url

from atelier_generation.adapters.tables import Tables
from atelier_jobs.events.factory import EventFactory
from atelier_jobs.sql import schema
from atelier_jobs.sql.database import JobDatabase
from atelier_service.database import create_engine, create_schema


@asynccontextmanager
async def open_database(url: str, tables: Tables, *, origin: str, events: EventFactory) -> AsyncIterator[JobDatabase]:
    """The database with all tables; `origin` names this process (see JobDatabase)."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    try:
        for metadata in (schema.metadata, tables.metadata):
            await create_schema(engine, metadata)
        yield JobDatabase(engine, events, origin=origin)
    finally:
        await engine.dispose()
