"""Claims: the workers' ports of the job store (claims, leases, fenced writes) and the signals that wake a worker."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from atelier_jobs.domain.job import Failure, Job
from atelier_jobs.domain.outcome import Outcome
from atelier_jobs.domain.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """A worker's request for jobs.

    Attributes:
        kind: Kind of the jobs.
        worker_id: Id of the worker, unique in the mesh.
        lease_s: Seconds without a renewal after which another worker may claim the jobs.
        max_jobs: How many more jobs the worker can hold; at least 1.
        loaded: Affinity keys (ids of models) that the worker has in memory: preferred within a round of fair shares.
        accepts: Affinity keys that the worker supports; None: all. Jobs without a key are accepted by every worker.
    """

    kind: str
    worker_id: str
    lease_s: float
    max_jobs: int
    loaded: frozenset[str] = frozenset()
    accepts: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's claim of a job. Every write carries its `epoch` and is refused after a later claim or fence.

    Attributes:
        job: The job as it was when it was claimed.
        lease_s: Length of the lease, in seconds.
        progress: The last progress of the attempt, written together with its outcome; None leaves the stored one.
        has_partial: False when the attempt has certainly saved no partial result, which saves a statement at its end.
        token: The job token, for the job's files; empty while there is none.
    """

    job: Job
    lease_s: float
    progress: Progress | None = None
    has_partial: bool = True
    token: str = field(default="", repr=False)

    @property
    def epoch(self) -> int:
        """Fencing token of the claim."""
        return self.job.epoch


@dataclass(frozen=True, slots=True)
class Renewal:
    """Result of a renewal.

    Attributes:
        mine: Whether the claim still holds.
        cancel_requested: Whether the owner has requested a stop.
        token: The job token that replaces the claim's; empty: that one stays.
    """

    mine: bool
    cancel_requested: bool = False
    token: str = field(default="", repr=False)


class ClaimStore(Protocol):
    """The workers' side of the job store.

    Writes return False when they were fenced: the worker then discards what it has made. Every method raises
    UnavailableError while the database, or the service in front of it, is unavailable.
    """

    async def claim(self, request: ClaimRequest) -> Sequence[Claim]:
        """Claims the best jobs that the worker supports, in the order of `claim_order`.

        Args:
            request: The worker, and which and how many jobs it can hold.

        Returns:
            At most `max_jobs` claims, without waiting: none when no job is claimable. The leases run by the database's
            clock.
        """
        ...

    async def renew(self, claim: Claim, progress: Progress | None = None) -> Renewal:
        """Renews the lease and stores the progress.

        Args:
            claim: The claim to renew, for another `lease_s` seconds.
            progress: Progress of the attempt; ignored when the stored one is further. None leaves the stored one.
        """
        ...

    async def save_partial(self, claim: Claim, partial: bytes) -> bool:
        """Stores the attempt's partial result in place of the previous one. It is deleted when the claim ends."""
        ...

    async def complete(self, claim: Claim, outcome: Outcome) -> bool:
        """RUNNING → SUCCEEDED, with what the service's OutcomeHook writes in the same transaction.

        The files of the result must be stored before. Returns True also when the same outcome was recorded before.
        """
        ...

    async def fail(self, claim: Claim, failure: Failure, *, retryable: bool = True, delay_s: float = 1.0) -> bool:
        """Counts a fault: the job is QUEUED again, or FAILED with a dead letter. One being cancelled is CANCELED.

        Args:
            claim: The claim of the attempt that failed.
            failure: Reason and message for the owner.
            retryable: False fails the job at once.
            delay_s: Seconds until it can be claimed again; doubled with each fault.
        """
        ...

    async def release(self, claim: Claim, *, delay_s: float = 0.0) -> bool:
        """Returns the job to the queue without a fault, claimable after `delay_s` seconds. CANCELING → CANCELED."""
        ...

    async def cancel_done(self, claim: Claim) -> bool:
        """CANCELING → CANCELED, when the worker has stopped."""
        ...

    async def discard(self, claim: Claim) -> None:
        """Requests the removal of files that a fenced attempt may have stored, once the job has ended."""
        ...


class HeldJobs(Protocol):
    """The jobs that workers hold, for the plane."""

    async def held_by(self, kind: str, worker_id: str) -> Sequence[Job]:
        """Returns the jobs of the kind that the worker holds under a lease. Raises UnavailableError."""
        ...


class WorkSignals(Protocol):
    """Signals that wake a worker. They may be lost or spurious: a worker also polls at a bounded interval."""

    def listen(
        self, *, on_work: Callable[[], None], on_change: Callable[[str], None]
    ) -> AbstractAsyncContextManager[None]:
        """Calls back in the event loop while the context is open.

        Args:
            on_work: Called when a job may be claimable.
            on_change: Called with the id of a job that its owner has changed while a worker holds it: the worker then
                renews the lease, whose reply says whether to stop.
        """
        ...
