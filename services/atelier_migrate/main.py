"""`atelier-migrate`: upgrades the schemas of all databases, or of those that are named, and ends."""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

import atelier_auth.adapters.tables
import atelier_image.schemas
import atelier_storage.adapters.tables
import atelier_video.schemas
import atelier_workflow.schemas
from atelier_migrate.settings import MigrateSettings
from atelier_service.configuration import EXIT_STATUS, ConfigurationError, read
from atelier_service.migrations.schema import Schema
from atelier_service.migrations.upgrade import upgrade

DATABASES: Mapping[str, Sequence[Schema]] = {
    "auth": atelier_auth.adapters.tables.SCHEMAS,
    "storage": atelier_storage.adapters.tables.SCHEMAS,
    "image": atelier_image.schemas.SCHEMAS,
    "video": atelier_video.schemas.SCHEMAS,
    "workflow": atelier_workflow.schemas.SCHEMAS,
}
"""The schemas of each service's database, by the service's name."""


class UpgradeFailedError(Exception):
    """A database is unavailable, or a revision failed there; the message is one line and names the database."""

    def __init__(self, name: str, error: Exception) -> None:
        # What the driver says: SQLAlchemy's own text has the rows of a statement in it.
        reason = error.orig if isinstance(error, DBAPIError) else error
        super().__init__(f"{name}: {' '.join(str(reason).split())}")


async def migrate(settings: MigrateSettings, names: Sequence[str]) -> None:
    """Upgrades the databases `names` one after the other, and prints what happened to each of their schemas.

    Raises:
        ConfigurationError: A database was upgraded by a newer version than this one.
        UpgradeFailedError: A database is unavailable, or a revision failed.
    """
    for name in names:
        url: str = getattr(settings, f"{name}_database_url")
        try:
            changes = await upgrade(url, DATABASES[name])
        except (SQLAlchemyError, OSError) as error:
            raise UpgradeFailedError(name, error) from error
        for schema, (before, after) in changes.items():
            print(
                f"{name}: {schema} {after}" + ("" if before == after else f", upgraded from {before or 'no revision'}")
            )


def main() -> None:
    """Entry point of `atelier-migrate`."""
    parser = argparse.ArgumentParser(prog="atelier-migrate", description=__doc__)
    parser.add_argument(
        "databases", nargs="*", metavar="DATABASE", help=f"one of {', '.join(DATABASES)}; all when none is named"
    )
    names = parser.parse_args().databases or list(DATABASES)
    if unknown := sorted(set(names) - set(DATABASES)):
        parser.error(f"there is no database {', '.join(unknown)}; there are {', '.join(DATABASES)}")
    try:
        settings = read(MigrateSettings)
        settings.check()
        asyncio.run(migrate(settings, names))
    except ConfigurationError as error:
        sys.stderr.write(f"atelier-migrate: {error}\n")
        sys.exit(EXIT_STATUS)
    except UpgradeFailedError as error:
        sys.exit(f"atelier-migrate: {error}")


if __name__ == "__main__":
    main()
