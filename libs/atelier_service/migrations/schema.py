"""A schema: tables of one owner in a database, and the numbered revisions that lead to them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL, Connection, MetaData, column, inspect, select, table
from sqlalchemy.ext.asyncio import AsyncEngine

from atelier_service.configuration import ConfigurationError
from atelier_service.private_file import sqlite_file

_REVISION_FILE = re.compile(r"v(\d{4})_\w+\.py")


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables that one library or service owns. A database holds one schema or several, each with a version of its own.

    `revisions` is the folder of the revision files, `v0001_<what>.py` and so on; a file's number is its revision's
    identifier. Libraries whose tables exist once for each kind of job have one folder and as many schemas; their
    revisions read `kind` (see `env.py`).
    """

    name: str
    metadata: MetaData = field(repr=False)
    revisions: Path
    kind: str = ""

    @property
    def version_table(self) -> str:
        """The table that holds the revision of this schema, by Alembic's rules."""
        return "_".join(filter(None, ("alembic_version", self.kind, self.name)))

    @property
    def head(self) -> str:
        """The newest revision that this version of the program knows."""
        return max(m[1] for path in self.revisions.iterdir() if (m := _REVISION_FILE.fullmatch(path.name)))

    def current(self, connection: Connection) -> str | None:
        """The revision of the database, or None when it was never migrated."""
        if not inspect(connection).has_table(self.version_table):
            return None
        version: str | None = connection.execute(
            select(column("version_num")).select_from(table(self.version_table))
        ).scalar()
        return version


async def check_schemas(engine: AsyncEngine, schemas: Sequence[Schema]) -> None:
    """Checks that the database has the tables that this version of the program needs; changes nothing.

    Raises:
        ConfigurationError: A schema is at another revision, older or newer. The message says what to do.
        sqlalchemy.exc.DBAPIError, OSError: The database is unavailable.
    """
    file = sqlite_file(engine.url)
    if file is not None and not file.exists():  # opening it would create it
        raise ConfigurationError(f"there is no database {file}: run atelier-migrate")
    async with engine.connect() as connection:
        await connection.execution_options(readonly=True)
        for schema in schemas:
            found = await connection.run_sync(schema.current)
            if found != schema.head:
                raise mismatch(engine.url, schema, found)


def mismatch(url: URL, schema: Schema, found: str | None) -> ConfigurationError:
    """Returns the error of a database whose `schema` is at the revision `found`; it names the remedy."""
    at = "at no revision" if found is None else f"at revision {found}"
    text = f"the schema {schema.name!r} of the database {sqlite_file(url) or url} is {at}"  # a URL hides its password
    needed = f"this version needs {schema.head}"
    if found is not None and found > schema.head:
        return ConfigurationError(f"{text}, which is newer than this program: {needed}")
    return ConfigurationError(f"{text}, and {needed}: run atelier-migrate")
