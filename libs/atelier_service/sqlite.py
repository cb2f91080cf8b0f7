"""SQLite for an event loop: what may wait for a disk or for another writer leaves it, the rest runs where it is.

Statements on a small local database take microseconds, less than handing one to a thread and back (of a submit's two
milliseconds such trips were half). What can take long goes to a thread: opening, `BEGIN IMMEDIATE` (waits for another
process's transaction) and `COMMIT` (waits for the disk). Within a transaction no statement waits: the writer has its
lock, and readers of a write-ahead log never need one.
"""

import asyncio
import functools
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import await_only

from atelier_service.tasks import uninterrupted

T = TypeVar("T")

BEGIN_TO_WRITE = "BEGIN IMMEDIATE"
"""Takes the write lock, when it is free."""

BUSY_TIMEOUT_MS = 10_000
"""How long a writer waits for others."""

PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
"""Of every connection: a write-ahead log, and commits that are on the disk when they return."""

CONNECTIONS = 12
"""Of one engine at most, and a thread for each: all but one may wait to begin, and that one must commit."""


class LoopSqlite(SQLiteDialect_pysqlite):
    """The dialect `sqlite+loop`: Python's own sqlite3 behind SQLAlchemy's asynchronous engine."""

    driver = "loop"
    is_async = True
    supports_statement_cache = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="sqlite")

    def get_driver_connection(self, connection: Any) -> Any:
        """There is no asynchronous driver beneath."""
        return connection

    def connect(self, *arguments: Any, **options: Any) -> Any:
        """Opens a file and sets it up; whoever holds the connection may use it, in whatever thread."""

        def open_file() -> Any:
            connection: Any = opens(*arguments, factory=_Connection, **options)
            connection.isolation_level = None  # SQLAlchemy's BEGIN is the only one
            # The first of these is the first to touch the file, and may find another process at it.
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            return connection

        opens = super().connect
        return self._elsewhere(open_file)

    def do_commit(self, dbapi_connection: Any) -> None:
        """Waits for the disk."""
        self._elsewhere(dbapi_connection.commit)

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """Runs here and now, unless it waits for its turn to write."""
        await_only(_nothing())  # SQLAlchemy insists that something was waited for
        if statement == BEGIN_TO_WRITE:
            if not _begun_at_once(cursor):
                self._elsewhere(functools.partial(cursor.execute, statement))
            return
        super().do_execute(cursor, statement, parameters, context)  # type: ignore[no-untyped-call]

    def do_executemany(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """Runs here and now."""
        await_only(_nothing())
        super().do_executemany(cursor, statement, parameters, context)  # type: ignore[no-untyped-call]

    def _elsewhere(self, work: Callable[[], T]) -> T:
        return await_only(self._in_thread(work))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Ends together with the thread's work also when cancelled: the connection may not be used before."""
        return await uninterrupted(asyncio.get_running_loop().run_in_executor(self._threads, work))


def _begun_at_once(cursor: sqlite3.Cursor) -> bool:
    """Begins if there is no other writer, which is the usual case and needs no thread."""
    cursor.execute("PRAGMA busy_timeout=0")
    try:
        cursor.execute(BEGIN_TO_WRITE)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY):
            raise
        return False
    else:
        return True
    finally:
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")


class _Cursor(sqlite3.Cursor):
    async def _async_soft_close(self) -> None:
        """SQLAlchemy takes it that the rows are in memory and the driver's cursor can go; here they come from it."""


class _Connection(sqlite3.Connection):
    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)


async def _nothing() -> None:
    """Over before anything else gets its turn."""
