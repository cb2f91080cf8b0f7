"""Upgrading a database: all of its schemas, in one transaction, one process at a time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event

from atelier_service.database import create_engine
from atelier_service.migrations.schema import Schema, mismatch
from atelier_service.private_file import make_private, sqlite_file

_LOCK = 0x41_54_45_4C  # "ATEL": the advisory lock under which a PostgreSQL database is migrated


async def upgrade(url: str, schemas: Sequence[Schema]) -> Mapping[str, tuple[str | None, str]]:
    """Brings every schema of a database to its newest revision; an empty database gets all tables.

    Everything happens in one transaction, which is committed as a whole or not at all. A second process that upgrades
    the same database waits for the first one, and then has nothing to do.

    Args:
        url: An SQLAlchemy URL, as for `create_engine`. A missing SQLite file is created, readable by its owner alone.
        schemas: The schemas of this database.

    Returns:
        The revision before, None for none, and the revision now, by the schema's name.

    Raises:
        ConfigurationError: The database was upgraded by a newer version of the program.
        sqlalchemy.exc.DBAPIError, OSError: The database is unavailable, or a revision fails.
    """
    file = sqlite_file(url)
    if file is not None and not file.exists():
        make_private(url)
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        # A rebuilt table is dropped and renamed, which foreign keys forbid. The pragma has no effect in a transaction.
        @event.listens_for(engine.sync_engine, "connect")
        def _suspend_foreign_keys(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA foreign_keys=OFF")

    try:
        async with engine.begin() as connection:
            return await connection.run_sync(_upgrade_all, schemas)
    finally:
        await engine.dispose()


def _upgrade_all(connection: Connection, schemas: Sequence[Schema]) -> dict[str, tuple[str | None, str]]:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    changes = {}
    for schema in schemas:
        before = schema.current(connection)
        if before is not None and before > schema.head:
            raise mismatch(connection.engine.url, schema, before)
        command.upgrade(_config(connection, schema), "head")
        changes[schema.name] = (before, schema.head)
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise RuntimeError(f"a revision broke foreign keys of {sorted({row[0] for row in broken})}")
    return changes


def _config(connection: Connection, schema: Schema) -> Config:
    config = Config(attributes={"connection": connection, "schema": schema})
    config.set_main_option("script_location", _quoted(Path(__file__).parent))
    config.set_main_option("version_locations", _quoted(schema.revisions))
    config.set_main_option("path_separator", "newline")  # the only character that no installation's path has
    return config


def _quoted(path: Path) -> str:
    """Escapes `%`, which Alembic's configuration interpolates."""
    return str(path).replace("%", "%%")
