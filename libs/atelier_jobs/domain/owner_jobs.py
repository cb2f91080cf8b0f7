"""Use cases of a job's owner, for one kind of job: submit, get, page, cancel, delete."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

from atelier_jobs.domain.claim_order import Priority
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.outcome import TransactionHook
from atelier_jobs.domain.states import State
from atelier_jobs.domain.store import JobStore, Limits, Page, Submission, Submitted
from atelier_service.errors import FailedPreconditionError, NotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of job.

    Attributes:
        name: Name of the kind, which is also the noun for one job of it unless `noun` is given: `image`.
        not_found_reason: Reason of the error for a job that does not exist; see docs/contracts.md.
        not_ready_reason: Reason of the error for a job without a result.
        noun: The noun for one job of the kind in messages and metadata; empty: the name.
    """

    name: str
    not_found_reason: str
    not_ready_reason: str
    noun: str = ""

    @property
    def one(self) -> str:
        """The noun for one job of the kind."""
        return self.noun or self.name


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """Identifies repeats of one request: the caller's key (empty: none), and the SHA-256 of the request."""

    key: str = ""
    request_hash: bytes = b""


NO_KEY = IdempotencyKey()


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Placement of a new job among others: its priority, and its parent (empty: none)."""

    priority: Priority = Priority.NORMAL
    parent_id: str = ""


USUAL = Placement()
NO_LABELS: Mapping[str, str] = MappingProxyType({})


class OwnerJobs:
    """Jobs of one kind, each visible to its owner only: for all others it does not exist (NotFoundError)."""

    def __init__(self, kind: Kind, store: JobStore, *, limits: Limits, max_attempts: int) -> None:
        self._kind = kind
        self._store = store
        self._limits = limits
        self._max_attempts = max_attempts

    @property
    def kind(self) -> str:
        """The kind's name."""
        return self._kind.name

    async def once(self, owner: str, key: IdempotencyKey, submit: Callable[[], Awaitable[Submitted]]) -> Submitted:
        """Submits once for each key.

        Args:
            owner: Owner of the job.
            key: The key; with an empty one no request is a repeat.
            submit: Checks the request and submits the job. It is not called for a repeat, which succeeds even if the
                request would be refused now.

        Returns:
            The job of the first request under this key.

        Raises:
            AlreadyExistsError: The key belongs to another request.
        """
        if key.key:
            first = await self._store.repeat_of(owner, key.key, key.request_hash)
            if first is not None:
                return Submitted(first, repeated=True)
        return await submit()

    async def submit(
        self,
        owner: str,
        job_id: str,
        spec: bytes,
        *,
        cost: float = 1.0,
        affinity: str = "",
        labels: Mapping[str, str] = NO_LABELS,
        placement: Placement = USUAL,
        key: IdempotencyKey = NO_KEY,
        result: bytes | None = None,
        hook: TransactionHook | None = None,
    ) -> Submitted:
        """Records a new job within the limits.

        Args:
            owner: Owner of the job.
            job_id: A new UUIDv7.
            spec: Spec of the job, in the format of the kind.
            cost: Work of the job, in a unit that all jobs of the kind share; owners get equal shares of it.
            affinity: Affinity key, the id of the model that it needs; empty: none.
            labels: The owner's own names and values.
            placement: Priority and parent, which the caller has checked.
            key: The idempotency key, checked again in the transaction.
            result: The result of a job that needs no worker; it is SUCCEEDED at once.
            hook: Called in the same transaction.

        Raises:
            AlreadyExistsError: The key belongs to another request.
            ResourceExhaustedError: A limit is reached.
        """
        submission = Submission(
            job_id=job_id,
            owner=owner,
            kind=self._kind.name,
            spec=spec,
            max_attempts=self._max_attempts,
            cost=cost,
            affinity=affinity,
            labels=labels,
            priority=placement.priority,
            parent_id=placement.parent_id,
            idempotency_key=key.key,
            request_hash=key.request_hash,
            result=result,
        )
        return await self._store.submit(submission, self._limits, hook=hook)

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
        hook: TransactionHook | None = None,
    ) -> Job:
        """Gives the job another spec, in place or as its next revision; see JobStore.restart, for arguments too."""
        with self._errors(job_id):
            return await self._store.restart(
                owner,
                job_id,
                spec,
                cost=cost,
                affinity=affinity,
                labels=labels,
                result=result,
                limits=self._limits,
                hook=hook,
            )

    async def get(self, owner: str, job_id: str) -> Job:
        """Returns one job. Raises NotFoundError."""
        with self._errors(job_id):
            return await self._store.get(owner, job_id)

    async def page(self, owner: str, *, state: State | None, before: str, limit: int) -> Page:
        """Returns at most `limit` jobs with an id below `before` (empty: all), newest first, in `state` (None: any)."""
        states = () if state is None else (state,)
        return await self._store.list(owner, kind=self._kind.name, states=states, before=before, limit=limit)

    async def cancel(self, owner: str, job_id: str) -> Job:
        """Requests that the job stops; one that has ended is not changed. Raises NotFoundError."""
        with self._errors(job_id):
            return await self._store.cancel(owner, job_id)

    async def delete(self, owner: str, job_id: str) -> None:
        """Stops the job if it runs and deletes it; its files are removed later. Raises NotFoundError."""
        with self._errors(job_id):
            await self._store.delete(owner, job_id)

    async def result(self, owner: str, job_id: str) -> bytes:
        """Returns the result of a job that SUCCEEDED.

        Raises:
            NotFoundError: The owner has no such job.
            FailedPreconditionError: The job is in another state.
        """
        job = await self.get(owner, job_id)
        if job.state is not State.SUCCEEDED or job.result is None:
            text = f"the {self._kind.one} is {job.state.name}: it has content once it is SUCCEEDED"
            raise FailedPreconditionError(self._kind.not_ready_reason, text, metadata={"state": job.state.name})
        return job.result

    async def result_so_far(self, job: Job) -> bytes | None:
        """Returns the result of a job that has ended, or the partial result of a live one's attempt; None: neither."""
        return job.result if job.state.terminal else await self._store.partial(job)

    @contextmanager
    def _errors(self, job_id: str) -> Iterator[None]:
        try:
            yield
        except NotFoundError as error:
            kind = self._kind
            metadata = {f"{kind.one}_id": job_id}
            raise NotFoundError(kind.not_found_reason, f"there is no such {kind.one}", metadata=metadata) from error
