"""The worker's port of the job store: claims, leases and fenced writes; and what wakes a worker."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from atelier_jobs.domain.job import Failure, Job
from atelier_jobs.domain.outcome import Outcome
from atelier_jobs.domain.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """What a worker can take now.

    Attributes:
        kind: The kind of jobs that it does.
        worker_id: Its name, unique in the mesh.
        lease_s: Seconds without a renewal after which its jobs go to another worker.
        max_jobs: How many more jobs it can hold; at least 1.
        loaded: Affinity keys (ids of models) that are in its memory: preferred within a round of fair shares.
        accepts: Affinity keys that it can do; None: all. Jobs without a key are accepted by every worker.
    """

    kind: str
    worker_id: str
    lease_s: float
    max_jobs: int
    loaded: frozenset[str] = frozenset()
    accepts: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's hold on a job: every write carries its `epoch` and is refused when another one came after it."""

    job: Job  # as it stood when it was claimed
    lease_s: float
    progress: Progress | None = None  # how far the worker came; written together with what became of it
    has_partial: bool = True  # False when it certainly saved no partial result, which spares its end a statement
    token: str = field(default="", repr=False)  # opens the job's files to this claim; empty: there is none yet

    @property
    def epoch(self) -> int:
        """The fence."""
        return self.job.epoch


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a renewal returns: whether the claim still holds, and whether the worker is to stop."""

    mine: bool
    cancel_requested: bool = False
    token: str = field(default="", repr=False)  # in place of the claim's; empty: that one stays


class ClaimStore(Protocol):
    """The worker's side. Writes return False when they were fenced: throw the result away.

    Every method raises UnavailableError while the database, or what stands in front of it, is unavailable.
    """

    async def claim(self, request: ClaimRequest) -> Sequence[Claim]:
        """Takes the best jobs that the worker can do, in the order of `claim_order`.

        Returns:
            At most `max_jobs` claims, at once: none when nothing can be claimed now. The leases run by the database's
            clock.
        """
        ...

    async def renew(self, claim: Claim, progress: Progress | None = None) -> Renewal:
        """Renews the lease and stores the progress, unless the stored one is further (None leaves it as it is)."""
        ...

    async def save_partial(self, claim: Claim, partial: bytes) -> bool:
        """Stores what the attempt has made so far, in place of what it stored before. Gone when the claim is."""
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
        """Gives the job back to the queue, without a fault; it can be claimed after `delay_s`. CANCELING becomes
        CANCELED."""
        ...

    async def cancel_done(self, claim: Claim) -> bool:
        """CANCELING → CANCELED, when the worker has stopped."""
        ...

    async def discard(self, claim: Claim) -> None:
        """A fenced attempt may have stored files: asks for them to be removed when the job has ended."""
        ...


class HeldJobs(Protocol):
    """The plane's look at what its workers hold."""

    async def held_by(self, kind: str, worker_id: str) -> Sequence[Job]:
        """The jobs of the kind that the worker holds under a lease. Raises UnavailableError."""
        ...


class WorkSignals(Protocol):
    """What wakes a worker. Signals may be lost or come without a reason: a worker also looks after a bounded time."""

    def listen(
        self, *, on_work: Callable[[], None], on_change: Callable[[str], None]
    ) -> AbstractAsyncContextManager[None]:
        """Calls back, in the event loop, while the context is open.

        Args:
            on_work: A job may be claimable.
            on_change: The job of this id was changed by its owner while a worker held it: renew its lease now, which
                says whether to stop.
        """
        ...
