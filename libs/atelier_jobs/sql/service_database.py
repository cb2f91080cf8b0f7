"""The database of a service: the tables of its jobs, and those that it adds to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import MetaData, make_url

from atelier_jobs.events.factory import EventFactory
from atelier_jobs.sql import schema
from atelier_jobs.sql.database import JobDatabase
from atelier_service.database import create_engine, create_schema


@asynccontextmanager
async def open_database(url: str, *tables: MetaData, origin: str, events: EventFactory) -> AsyncIterator[JobDatabase]:
    """Opens the database and creates the tables that are missing.

    Args:
        url: SQLAlchemy URL; the folder of a SQLite file is created when it is missing.
        tables: Tables beside those of the job plane.
        origin: Names this process (see JobDatabase).
        events: Builds the events of the jobs.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    try:
        for metadata in (schema.metadata, *tables):
            await create_schema(engine, metadata)
        yield JobDatabase(engine, events, origin=origin)
    finally:
        await engine.dispose()
