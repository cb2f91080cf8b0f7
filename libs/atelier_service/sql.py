"""SQL on both databases: upserts, and the error of a database that is unavailable."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from atelier_service.errors import UnavailableError

logger = structlog.get_logger(__name__)

# Classes of SQLSTATE: connection exception, transaction rollback, insufficient resources; starting up or shutting down.
_UNAVAILABLE_SQLSTATES = ("08", "40", "53", "57P")

ConflictInsert = postgresql.Insert | sqlite.Insert


def conflict_insert(dialect: str, table: Table) -> ConflictInsert:
    """An INSERT that takes an ON CONFLICT clause; `dialect` is SQLAlchemy's name, `sqlite` or `postgresql`."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def upsert(insert: ConflictInsert, keys: Collection[str], columns: Collection[str]) -> ConflictInsert:
    """The INSERT, which updates a row that exists.

    Args:
        insert: Of `conflict_insert`, with or without its values.
        keys: Names of the columns of the table's primary key or of one of its unique constraints.
        columns: Names of the columns that take the new value where the row exists.
    """
    return insert.on_conflict_do_update(
        index_elements=list(keys), set_={name: insert.excluded[name] for name in columns}
    )


@contextmanager
def database_errors(message: str) -> Iterator[None]:
    """Around each use of a database: raises UnavailableError where the database is unavailable.

    Other errors of the database (a broken constraint, a wrong statement) pass unchanged. The log has the driver's
    message, the caller's error has none of it, and neither has the statement's parameters.

    Args:
        message: The sentence of the error.

    Raises:
        UnavailableError: DATABASE_UNAVAILABLE: no connection, none free in the pool, a lock not granted in time, a
            transaction rolled back by the server, or a TimeoutError of the block.
    """
    try:
        yield
    except (DBAPIError, PoolTimeoutError, OSError) as error:  # asyncio's TimeoutError is an OSError
        if not _is_unavailable(error):
            raise
        cause = error.orig if isinstance(error, DBAPIError) else error
        logger.warning("database unavailable", error=type(cause).__name__, detail=str(cause))
        raise UnavailableError("DATABASE_UNAVAILABLE", message, retry_after_s=1.0) from error


def _is_unavailable(error: Exception) -> bool:
    if not isinstance(error, DBAPIError):
        return True
    state = str(getattr(error.orig, "sqlstate", "") or "")
    return (
        isinstance(error, OperationalError | InterfaceError)
        or error.connection_invalidated
        or state.startswith(_UNAVAILABLE_SQLSTATES)
    )
