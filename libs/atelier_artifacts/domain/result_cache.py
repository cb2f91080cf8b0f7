"""The content cache: results by key, and the references of jobs to files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from atelier_artifacts.domain.stored_files import Producer
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.outcome import TransactionHook


@dataclass(frozen=True, slots=True)
class Settled:
    """The references that exist once a job has ended.

    Attributes:
        job: The job as it is now; None when it was deleted.
        referenced_epochs: Epochs of the job to whose files some job refers.
        released: Files of other jobs to which this one no longer refers.
    """

    job: Job | None
    referenced_epochs: frozenset[int]
    released: tuple[Producer, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A stored result: the key it is found under, where its files are, and its bytes as its service wrote them."""

    key: str
    source: Producer
    result: bytes


class HitGoneError(Exception):
    """The files of a hit were released before the job could refer to them."""


class ResultCache(Protocol):
    """References of an owner's jobs to files, and the cache of results by key.

    One row for each job and the files that it refers to. The row is the reference that keeps the files, and while it
    exists a request with its key gets this result. A row is written in the transaction that records the state of the
    job that it belongs to: see `TransactionHook`.
    """

    def adding(self, owner: str, job_id: str, key: str, source: Producer, result: bytes) -> TransactionHook:
        """Makes the hook that records the result of a job and its reference to the files.

        Args:
            owner: Whose job it is.
            job_id: The job.
            key: The key under which the result is found; empty: under none.
            source: Where the files are.
            result: The result's bytes.
        """
        ...

    async def find(self, owner: str, keys: Sequence[str]) -> Hit | None:
        """Returns the owner's newest result under one of `keys`; None when there is none."""
        ...

    def adopting(self, owner: str, job_id: str, hit: Hit) -> TransactionHook:
        """Makes the hook that records a job's reference to the files of `hit`.

        The hook raises HitGoneError when the files were released meanwhile.
        """
        ...

    async def retire(self, owner: str, source: Producer) -> None:
        """Removes the key of a result, some of whose files are lost: no request gets it any more."""
        ...

    async def settle(self, job_id: str, current: Callable[[Job | None], Producer | None]) -> Settled | None:
        """Releases all references of an ended job except the current one, in one transaction.

        Args:
            job_id: The job, which may be deleted.
            current: Returns the source that the job as it is now refers to.

        Returns:
            The references that exist now. A released one is returned again by each call until `forget` is called for
            it. None for a job that has not ended: nothing is released then.
        """
        ...

    async def forget(self, job_id: str, source: Producer) -> None:
        """Deletes a released reference; one that the job has taken up again meanwhile stays."""
        ...
