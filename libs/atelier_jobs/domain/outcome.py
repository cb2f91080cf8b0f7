"""The outcome of an attempt, and the hooks that write more in the transaction that records it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from atelier_jobs.domain.job import Job


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a handler returns when it has made a job's outputs.

    Attributes:
        result: The result in the format of the job's kind; the plane stores it and never reads it.
        cache_key: Key under which the content cache finds the result; empty for a result that is not reused.
    """

    result: bytes
    cache_key: str = ""


TransactionHook = Callable[[Any], Awaitable[None]]
"""Called with a transaction of the job store before its commit, to write more in it. An exception rolls the whole
transaction back."""

OutcomeHook = Callable[[Job, Outcome], TransactionHook | None]
"""Makes the hook for the transaction that records a success, from the job after it and the outcome.

It runs in the process that has the database: a worker sends nothing but the outcome."""
