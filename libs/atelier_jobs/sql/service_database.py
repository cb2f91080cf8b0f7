"""The database of a service: the tables of its jobs, and those of other schemas beside them."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from atelier_jobs.sql import schema
from atelier_jobs.sql.database import JobDatabase
from atelier_service.database import create_engine
from atelier_service.migrations.schema import Schema, check_schemas


@asynccontextmanager
async def open_database(url: str, *schemas: Schema, origin: str) -> AsyncIterator[JobDatabase]:
    """Opens the database, whose tables `atelier-migrate` has created.

    Args:
        url: SQLAlchemy URL.
        schemas: Schemas beside that of the job plane.
        origin: Unique name of this process, from `process_origin`; see JobDatabase.

    Raises:
        ConfigurationError: The tables are not those of this version.
        sqlalchemy.exc.DBAPIError, OSError: The database is unavailable.
    """
    engine = create_engine(url)
    try:
        await check_schemas(engine, (schema.SCHEMA, *schemas))
        yield JobDatabase(engine, origin=origin)
    finally:
        await engine.dispose()


def process_origin(service: str) -> str:
    """Returns a unique name for this process of a service: host and process id."""
    return f"{service}-{socket.gethostname()}-{os.getpid()}"
