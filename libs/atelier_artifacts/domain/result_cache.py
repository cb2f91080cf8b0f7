"""Content cache: which jobs refer to which files, and the requests that those files answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from atelier_artifacts.domain.stored_files import Source
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.outcome import TransactionHook


@dataclass(frozen=True, slots=True)
class Settled:
    """What is still referred to. `job` is None when it is gone. `kept_epochs` are those of the job whose files stay;
    `released` are files of other jobs that this one no longer refers to."""

    job: Job | None
    kept_epochs: frozenset[int]
    released: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A result that answers `key`, in its service's own words, and where its files are."""

    key: str
    source: Source
    result: bytes


class HitGoneError(Exception):
    """The files of a hit were let go of before anybody could refer to them."""


class ResultCache(Protocol):
    """Which jobs of an owner refer to which files, and what those files answer.

    One row for each job and the files that it refers to: the row is the reference that keeps the files, and as long
    as it is there a request with its key is answered by them. Rows are written in the transaction that records what
    they say of the job: see `TransactionHook`.
    """

    def adding(self, owner: str, job_id: str, key: str, source: Source, result: bytes) -> TransactionHook:
        """The job refers to files that answer `key`."""
        ...

    async def find(self, owner: str, keys: Sequence[str]) -> Hit | None:
        """The newest result under one of `keys`; None when there is none."""
        ...

    def adopting(self, owner: str, job_id: str, hit: Hit) -> TransactionHook:
        """The job refers to the files of `hit`. Raises HitGoneError when they are on their way out."""
        ...

    async def retire(self, owner: str, source: Source) -> None:
        """These files answer no request any more: some of them are gone."""
        ...

    async def settle(self, job_id: str, current: Callable[[Job | None], Source | None]) -> Settled | None:
        """Lets go of all that the job referred to but for `current` of it, and tells what is referred to now.

        What was let go is told again and again until `forget` is called for it. None for a job that has not ended:
        nothing is let go of then.
        """
        ...

    async def forget(self, job_id: str, source: Source) -> None:
        """Drops what was let go of; a reference that was taken up again meanwhile stays."""
        ...
