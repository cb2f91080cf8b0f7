"""What a service asks of the job store: its owner-facing side, and the worker's side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from atelier_jobs.domain.job import EventRecord, Failure, Job
from atelier_jobs.domain.outcome import Outcome, TransactionHook
from atelier_jobs.domain.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A job to be. `job_id` is a new UUIDv7 of the caller's (lists sort by it); a repeat answers the first job's.

    `idempotency_key` may be empty; with one, `request_hash` tells whether a repeat asks for the same. `result` is set
    when the answer is there already (a cache hit): the job is born SUCCEEDED with `cached`. `traceparent` empty takes
    that of the current span.
    """

    job_id: str
    owner: str
    kind: str
    spec: bytes
    max_attempts: int = 3
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
        self, owner: str, *, kind: str, state: State | None = None, before: str = "", limit: int = 50
    ) -> Page:
        """The owner's jobs with an id below `before`, newest first."""
        ...

    async def restart(
        self,
        owner: str,
        job_id: str,
        spec: bytes,
        *,
        result: bytes | None = None,
        limits: Limits = NO_LIMITS,
        traceparent: str = "",
        hook: TransactionHook | None = None,
    ) -> Job:
        """Makes the job anew with another spec, and calls `hook` in the same transaction.

        A QUEUED job that no worker has seen takes the spec in place. Otherwise it becomes the next revision: a live
        one ends first (a terminal CANCELED event, reason SUPERSEDED), the running attempt is fenced and told to stop,
        attempts start again, result and failure are cleared. `result` as in Submission. Raises NotFoundError and
        ResourceExhaustedError.
        """
        ...

    async def cancel(self, owner: str, job_id: str) -> Job:
        """QUEUED is CANCELED at once, RUNNING is CANCELING until its worker stops; else as it stands. Idempotent."""
        ...

    async def delete(self, owner: str, job_id: str) -> None:
        """Fences the running attempt, removes every row of the job and asks for its files to be removed."""
        ...

    async def events_after(self, job_id: str, seq: int) -> Sequence[EventRecord]:
        """The kept events after number `seq`, in order. Whose job it is was checked by `get`."""
        ...

    async def partial(self, job: Job) -> bytes | None:
        """What the present attempt of `job` has kept so far (see ClaimStore.keep); None when nothing, or when the job
        stands otherwise by now. Whose job it is was checked by `get`."""
        ...

    async def queue_counts(self, kind: str) -> QueueCounts:
        """How long the queue is."""
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's hold on a job: every write carries its `epoch` and is refused when another one came after it."""

    job: Job  # as it stood when it was claimed
    lease_s: float
    step: int = 0  # how far the worker came; written together with what became of it
    steps: int = 0
    kept: bool = True  # False when it certainly kept nothing, which spares its end a statement

    @property
    def epoch(self) -> int:
        """The fence."""
        return self.job.epoch


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a renewal says: whether the job is still ours, and whether we are to stop."""

    mine: bool
    cancel_requested: bool = False


class ClaimStore(Protocol):
    """The worker's side. Writes answer False when they were fenced: throw the result away."""

    async def claim(self, job_id: str, generation: int, worker: str, lease_s: float) -> Claim | None:
        """Takes a QUEUED job, if it is there and of this generation; the lease runs by the database's clock."""
        ...

    async def renew(self, claim: Claim, *, step: int = 0, steps: int = 0) -> Renewal:
        """Renews the lease and keeps the progress (0 of 0 keeps what was there)."""
        ...

    async def keep(self, claim: Claim, partial: bytes) -> bool:
        """Writes what the attempt has made so far, in place of what it kept before. Gone when the claim is."""
        ...

    async def complete(self, claim: Claim, outcome: Outcome) -> bool:
        """RUNNING → SUCCEEDED, with whatever the service's OutcomeHook writes in the same transaction.

        The blobs must be stored before. True also when the same outcome was recorded before.
        """
        ...

    async def fail(self, claim: Claim, failure: Failure, *, retryable: bool = True, delay_s: float = 1.0) -> bool:
        """Counts a fault: back to QUEUED (after `delay_s`, doubled with each fault), or FAILED with a dead letter.

        FAILED at once when not `retryable`. A job that is being cancelled becomes CANCELED instead.
        """
        ...

    async def release(self, claim: Claim, *, delay_s: float = 0.0) -> bool:
        """Gives the job back to the queue, without a fault. CANCELING becomes CANCELED."""
        ...

    async def cancel_done(self, claim: Claim) -> bool:
        """CANCELING → CANCELED, when the worker has stopped."""
        ...

    async def discard(self, claim: Claim) -> None:
        """A fenced attempt may have stored files: asks for them to be removed when the job has ended."""
        ...
