"""The owner's port of the job store: submit, read, change and remove jobs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from atelier_jobs.domain.claim_order import Priority
from atelier_jobs.domain.event import JobEvent
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.outcome import TransactionHook
from atelier_jobs.domain.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A job to be.

    Attributes:
        job_id: A new UUIDv7 of the caller's (lists sort by it); a repeat returns the first job's.
        priority: How urgent it is among the jobs of its kind.
        parent_id: The job that it is a part of; empty: none.
        labels: The owner's own names and values.
        cost: What it takes, in a unit that all jobs of its kind share; above 0. Owners get equal shares of it.
        affinity: What a worker needs in memory for it, the id of a model; empty: nothing.
        idempotency_key: May be empty; with one, `request_hash` says whether a repeat asks for the same.
        traceparent: Empty takes that of the current span.
        result: Set when it is there already (a cache hit): the job is created SUCCEEDED with `cached`.
    """

    job_id: str
    owner: str
    kind: str
    spec: bytes
    max_attempts: int = 3
    priority: Priority = Priority.NORMAL
    parent_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    cost: float = 1.0
    affinity: str = ""
    idempotency_key: str = ""
    request_hash: bytes = b""
    traceparent: str = ""
    result: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may wait; 0 means no limit. Looked at inside the transaction that submits."""

    max_queued: int = 0  # QUEUED jobs of the kind, of everybody
    max_live_per_owner: int = 0  # QUEUED, RUNNING and CANCELING jobs of the kind, of this owner
    retry_after_s: float = 5.0


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Submitted:
    """The recorded job; `repeated` when an earlier request under the same key had recorded it."""

    job: Job
    repeated: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Jobs, newest first; `next_before` is the id to go on from, empty on the last page."""

    jobs: Sequence[Job]
    next_before: str


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """A queue, now."""

    queued: int
    running: int  # with those that are being stopped
    oldest_wait_s: float


class JobStore(Protocol):
    """The owner's side. "Not yours" answers exactly like "not there": NotFoundError, reason JOB_NOT_FOUND."""

    async def submit(
        self, submission: Submission, limits: Limits = NO_LIMITS, *, hook: TransactionHook | None = None
    ) -> Submitted:
        """Records a job, its outbox row, idempotency key and first event in one transaction, and calls `hook` in it.

        A repeat records nothing and calls no hook. Raises AlreadyExistsError (IDEMPOTENCY_KEY_REUSED: other
        `request_hash` under this key) and ResourceExhaustedError (QUEUE_FULL, QUOTA_EXCEEDED, with `retry_after_s`);
        then nothing is written.
        """
        ...

    async def repeat_of(self, owner: str, key: str, request_hash: bytes) -> Job | None:
        """The job that an earlier submit under this key made, if any. Raises AlreadyExistsError like `submit`."""
        ...

    async def get(self, owner: str, job_id: str) -> Job:
        """One job. Raises NotFoundError."""
        ...

    async def list(
        self,
        owner: str,
        *,
        kind: str,
        states: Collection[State] = (),
        parent_id: str = "",
        before: str = "",
        limit: int = 50,
    ) -> Page:
        """The owner's jobs in one of `states` (empty: in any) and part of `parent_id` (empty: or of none) with an id
        below `before`, newest first."""
        ...

    async def restart(
        self,
        owner: str,
        job_id: str,
        spec: bytes,
        *,
        cost: float | None = None,
        affinity: str | None = None,
        labels: Mapping[str, str] | None = None,
        result: bytes | None = None,
        limits: Limits = NO_LIMITS,
        traceparent: str = "",
        hook: TransactionHook | None = None,
    ) -> Job:
        """Makes the job anew with another spec, and calls `hook` in the same transaction.

        A QUEUED job that no worker has seen takes the spec in place. Otherwise it becomes the next revision: a live
        one ends first (a terminal CANCELED event, reason SUPERSEDED), the running attempt is fenced and told to stop,
        attempts start again, result and failure are cleared. `cost`, `affinity` (None: as before) and `result` as in
        Submission. Raises NotFoundError and ResourceExhaustedError.
        """
        ...

    async def cancel(self, owner: str, job_id: str) -> Job:
        """QUEUED is CANCELED at once, RUNNING is CANCELING until its worker stops; else as it stands. Idempotent."""
        ...

    async def delete(self, owner: str, job_id: str) -> None:
        """Fences the running attempt, removes every row of the job and asks for its files to be removed."""
        ...

    async def events_after(self, job_id: str, seq: int) -> Sequence[JobEvent]:
        """The durable events after number `seq`, in order. Whose job it is was checked by `get`."""
        ...

    async def partial(self, job: Job) -> bytes | None:
        """What the present attempt of `job` has saved so far (see ClaimStore.save_partial); None when that is nothing,
        or when the job stands otherwise by now. Whose job it is was checked by `get`."""
        ...

    async def queue_counts(self, kind: str) -> QueueCounts:
        """How long the queue is."""
        ...
