"""The database's own clock, for leases: hosts disagree about the time, one database does not with itself."""

import time
from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

_OBSERVED_S = 10.0


class now_us(FunctionElement[int]):  # noqa: N801 - reads as the SQL function that it is
    """Microseconds since the epoch, UTC, when the statement runs (SQLite: to the millisecond)."""

    type = BigInteger()
    inherit_cache = True


class statement_us(FunctionElement[int]):  # noqa: N801 - as above
    """The same, one value for a whole statement: an index can be searched for it."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_us, "sqlite")
@compiles(statement_us, "sqlite")
def _sqlite(_element: now_us | statement_us, _compiler: Any, **_kw: Any) -> str:
    # %f is SS.SSS; unixepoch('subsec') would be shorter and is younger than the SQLite of Debian 12.
    return (
        "(CAST(strftime('%s', 'now') AS INTEGER) * 1000000 + CAST(substr(strftime('%f', 'now'), 4) AS INTEGER) * 1000)"
    )


class EstimatedClock:
    """An estimate of the database's clock, as precise as the latency of a statement."""

    def __init__(self) -> None:
        self._ahead_us: int | None = None
        self._until_s = 0.0

    def observe(self, database_us: int) -> None:
        """Updates the estimate by a time that a statement has just returned, in microseconds since the epoch."""
        ahead_us = database_us - time.time_ns() // 1000
        # The fastest reply is the most precise: the greatest difference within some seconds.
        if self._ahead_us is None or ahead_us > self._ahead_us or time.monotonic() > self._until_s:
            self._ahead_us = ahead_us
            self._until_s = time.monotonic() + _OBSERVED_S

    def now_us(self) -> int | None:
        """Microseconds since the epoch; None while nothing was observed for long."""
        if self._ahead_us is None or time.monotonic() > self._until_s + _OBSERVED_S:
            return None
        return time.time_ns() // 1000 + self._ahead_us


def sqlite_now_us() -> int:
    """Returns the same without a statement: SQLite uses the clock of the process."""
    return time.time_ns() // 1_000_000 * 1000


@compiles(now_us, "postgresql")
def _postgresql(_element: now_us, _compiler: Any, **_kw: Any) -> str:
    # Not now(): that stands still within a transaction, also while it waits for a lock.
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"


@compiles(statement_us, "postgresql")
def _postgresql_statement(_element: statement_us, _compiler: Any, **_kw: Any) -> str:
    return "CAST(extract(epoch FROM statement_timestamp()) * 1000000 AS BIGINT)"
