"""SQLite on an event loop: operations that may block run in threads, all others on the loop itself.

A statement on a small local database takes microseconds, less than handing it to a thread and back, which made up half
of the two milliseconds of a submit. Operations that may block run in a thread: opening, `BEGIN IMMEDIATE` (waits for
the transaction of another process) and `COMMIT` (waits for the disk). Within a transaction no statement waits: a writer
has the lock, and readers of a write-ahead log never need one.
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
"""Begins a transaction and takes the write lock."""

BUSY_TIMEOUT_MS = 10_000
"""How long a writer waits for the write lock, in milliseconds."""

PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
"""Pragmas of every connection: a write-ahead log, and commits that are on the disk when they return."""

CONNECTIONS = 12
"""Largest number of connections of an engine, with a thread for each: while the others wait for the write lock, the one
that holds it needs a thread to commit."""


class LoopSqlite(SQLiteDialect_pysqlite):
    """The dialect `sqlite+loop`: Python's own sqlite3 behind SQLAlchemy's asynchronous engine."""

    driver = "loop"
    is_async = True
    supports_statement_cache = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="sqlite")

    def get_driver_connection(self, connection: Any) -> Any:
        """Returns `connection` itself: there is no asynchronous driver beneath it."""
        return connection

    def connect(self, *arguments: Any, **options: Any) -> Any:
        """Opens a connection in a thread and sets its pragmas. Its holder may use it in any thread."""

        def open_file() -> Any:
            connection: Any = opens(*arguments, factory=_Connection, **options)
            connection.isolation_level = None  # SQLAlchemy's BEGIN is the only one
            # The first pragma is the first access to the file, and may wait for the lock of another process.
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            return connection

        opens = super().connect
        return self._elsewhere(open_file)

    def do_commit(self, dbapi_connection: Any) -> None:
        """Commits in a thread, since it waits for the disk."""
        self._elsewhere(dbapi_connection.commit)

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """Executes on the loop, or in a thread when it has to wait for the write lock."""
        await_only(_nothing())  # SQLAlchemy requires that something is awaited
        if statement == BEGIN_TO_WRITE:
            if not _begun_at_once(cursor):
                self._elsewhere(functools.partial(cursor.execute, statement))
            return
        super().do_execute(cursor, statement, parameters, context)  # type: ignore[no-untyped-call]

    def do_executemany(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """Executes on the loop."""
        await_only(_nothing())
        super().do_executemany(cursor, statement, parameters, context)  # type: ignore[no-untyped-call]

    def _elsewhere(self, work: Callable[[], T]) -> T:
        return await_only(self._in_thread(work))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Waits for the end of `work` also when cancelled: until then the connection must not be used."""
        return await uninterrupted(asyncio.get_running_loop().run_in_executor(self._threads, work))


def _begun_at_once(cursor: sqlite3.Cursor) -> bool:
    """Begins a transaction if no other writer holds the lock, the usual case, which needs no thread.

    Returns:
        Whether the transaction has begun.
    """
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
        """Does nothing. SQLAlchemy assumes that all rows are in memory by now; here they are read from the cursor."""


class _Connection(sqlite3.Connection):
    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)


async def _nothing() -> None:
    """Completes without yielding to other tasks."""
