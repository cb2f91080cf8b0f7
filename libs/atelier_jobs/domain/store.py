"""The job store: the owners' port to submit, read, change and delete jobs."""

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
    """A new job.

    Attributes:
        job_id: A new UUIDv7 (lists sort by it). A repeat under the same key gets the first job instead.
        owner: Subject of the caller.
        kind: Name of the kind.
        spec: The spec, in the format of the kind.
        max_attempts: Faults after which the job is FAILED.
        priority: Priority among the jobs of its kind.
        parent_id: The job that it is a part of; empty: none.
        labels: The owner's own names and values.
        cost: Its work, in a unit that all jobs of its kind share; above 0. Owners get equal shares of it.
        affinity: Affinity key, the id of the model that it needs; empty: none.
        idempotency_key: Identifies repeats of the request; empty: none.
        request_hash: SHA-256 of the request, which must be the same in a repeat.
        traceparent: W3C trace context; empty: that of the current span.
        result: The result from the content cache: the job is created SUCCEEDED and `cached`. None: it is queued.
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
    """Limits of a submit, which are checked in its transaction; 0 means no limit.

    Attributes:
        max_queued: QUEUED jobs of the kind, of all owners.
        max_live_per_owner: QUEUED, RUNNING and CANCELING jobs of the kind, of one owner.
        retry_after_s: Seconds after which a refused caller should try again.
    """

    max_queued: int = 0
    max_live_per_owner: int = 0
    retry_after_s: float = 5.0


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Submitted:
    """The recorded job; `repeated` is True when an earlier request under the same key recorded it."""

    job: Job
    repeated: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Jobs, newest first; `next_before` is the position of the next page, empty on the last one."""

    jobs: Sequence[Job]
    next_before: str


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Length of the queue of one kind.

    Attributes:
        queued: QUEUED jobs.
        running: RUNNING and CANCELING jobs.
        oldest_wait_s: Seconds that the oldest QUEUED job has waited; 0 when there is none.
    """

    queued: int
    running: int
    oldest_wait_s: float


class JobStore(Protocol):
    """The owners' side of the job store.

    For a job of another owner the same error is raised as for one that does not exist: NotFoundError, JOB_NOT_FOUND.
    Every method raises UnavailableError while the database is unavailable.
    """

    async def submit(
        self, submission: Submission, limits: Limits = NO_LIMITS, *, hook: TransactionHook | None = None
    ) -> Submitted:
        """Records a job, its outbox row, idempotency key and first event in one transaction.

        Args:
            submission: The new job.
            limits: Limits that it must be within.
            hook: Called in the transaction.

        Returns:
            The new job; for a repeat, which writes nothing and calls no hook, the first one.

        Raises:
            AlreadyExistsError: IDEMPOTENCY_KEY_REUSED, the key belongs to a request with another hash.
            ResourceExhaustedError: QUEUE_FULL or QUOTA_EXCEEDED; nothing is written.
        """
        ...

    async def repeat_of(self, owner: str, key: str, request_hash: bytes) -> Job | None:
        """Returns the job that an earlier submit under this key recorded; None when there is none.

        Raises:
            AlreadyExistsError: IDEMPOTENCY_KEY_REUSED, the key belongs to a request with another hash.
        """
        ...

    async def get(self, owner: str, job_id: str) -> Job:
        """Returns one job. Raises NotFoundError."""
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
        """Reads a page of the owner's jobs, newest first.

        Args:
            owner: Owner of the jobs.
            kind: Kind of the jobs.
            states: Only jobs in one of these states; empty: in any.
            parent_id: Only children of this job; empty: all jobs.
            before: Only jobs with a smaller id; empty: all.
            limit: The maximum number of jobs.
        """
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
        """Gives the job another spec.

        A QUEUED job that no worker has claimed gets the spec in place. Otherwise the next revision begins: a live one
        ends first (a terminal CANCELED event, reason SUPERSEDED), its attempt is fenced and requested to stop, attempts
        count from 1 again, result and failure are cleared.

        Args:
            owner: Owner of the job.
            job_id: The job.
            spec: The new spec.
            cost: Cost of the new spec; None: as before.
            affinity: Affinity key of the new spec; None: as before.
            labels: New labels; None: as before.
            result: The result of the new spec from the content cache; see Submission.
            limits: Limits that the job must be within.
            traceparent: W3C trace context; empty: that of the current span.
            hook: Called in the transaction.

        Returns:
            The job after the change.

        Raises:
            NotFoundError: The owner has no such job.
            ResourceExhaustedError: QUEUE_FULL or QUOTA_EXCEEDED; nothing is changed.
        """
        ...

    async def cancel(self, owner: str, job_id: str) -> Job:
        """Cancels a job: QUEUED → CANCELED, RUNNING → CANCELING until its worker stops. Idempotent.

        Returns:
            The job after the change; one that has ended is not changed.

        Raises:
            NotFoundError: The owner has no such job.
        """
        ...

    async def delete(self, owner: str, job_id: str) -> None:
        """Fences the running attempt, deletes every row of the job and enqueues the removal of its files.

        Raises:
            NotFoundError: The owner has no such job.
        """
        ...

    async def events_after(self, job_id: str, seq: int) -> Sequence[JobEvent]:
        """Returns the durable events after number `seq`, in order. The owner must be checked before, by `get`."""
        ...

    async def partial(self, job: Job) -> bytes | None:
        """Returns the partial result that the current attempt of `job` has saved (see ClaimStore.save_partial).

        None when it has saved none, or when the job has changed since. The owner must be checked before, by `get`.
        """
        ...

    async def queue_counts(self, kind: str) -> QueueCounts:
        """Counts the jobs of the kind that wait and run."""
        ...
