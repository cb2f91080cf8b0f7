"""The outcome of an attempt, and the hooks that write more in the transaction that records it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from atelier_jobs.domain.job import Job


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a handler returns when it has made a job's outputs.

    Attributes:
        result: The outputs in the words of the job's service; the plane stores it and never reads it.
        cache_key: What the result answers, for a service that reuses results; empty when it answers nothing else.
    """

    result: bytes
    cache_key: str = ""


TransactionHook = Callable[[Any], Awaitable[None]]
"""Writes more in a transaction of the job store, which it is called with before the commit. An exception rolls the
whole transaction back."""

OutcomeHook = Callable[[Job, Outcome], TransactionHook | None]
"""Makes the hook for the transaction that records a success, from the job as it then stands and its outcome.

It belongs to the side that holds the database: a worker sends nothing but the outcome."""
