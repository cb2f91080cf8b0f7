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
    """A kind of job. `name` is also the word for one of them, `image`. Reasons are listed in docs/contracts.md."""

    name: str
    not_found_reason: str
    not_ready_reason: str


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """Identifies repeats of one request: the caller's key (empty: none), and the SHA-256 of what was asked."""

    key: str = ""
    request_hash: bytes = b""


NO_KEY = IdempotencyKey()


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a new job stands among others: how urgent it is, and the job that it is a part of (empty: none)."""

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
            owner: Whose job it is.
            key: An empty one is new every time.
            submit: Checks the request and submits the job. It is not called for a repeat, which succeeds also when
                the request would be refused by now.

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
            owner: Whose job it is.
            job_id: A new UUIDv7.
            spec: What the worker is to do, in the words of the kind.
            cost: What it takes, in a unit that all jobs of the kind share; owners get equal shares of it.
            affinity: What a worker needs in memory for it, the id of a model; empty: nothing.
            labels: The owner's own names and values.
            placement: Checked before: the owner may use the priority, and has the parent.
            key: Checked again in the transaction.
            result: The result of a job that needs no worker; it is SUCCEEDED at once.
            hook: Runs in the same transaction.

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
        """Gives the job another spec, in place or as its next revision; see JobStore.restart."""
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
        """One job."""
        with self._errors(job_id):
            return await self._store.get(owner, job_id)

    async def page(self, owner: str, *, state: State | None, before: str, limit: int) -> Page:
        """Jobs with an id below `before`, newest first."""
        states = () if state is None else (state,)
        return await self._store.list(owner, kind=self._kind.name, states=states, before=before, limit=limit)

    async def cancel(self, owner: str, job_id: str) -> Job:
        """Requests that the job stops; a finished one stays as it is."""
        with self._errors(job_id):
            return await self._store.cancel(owner, job_id)

    async def delete(self, owner: str, job_id: str) -> None:
        """Stops the job if it runs and removes it; its files are removed later."""
        with self._errors(job_id):
            await self._store.delete(owner, job_id)

    async def result(self, owner: str, job_id: str) -> bytes:
        """The result of a job that SUCCEEDED. Raises NotFoundError, and FailedPreconditionError for any other."""
        job = await self.get(owner, job_id)
        if job.state is not State.SUCCEEDED or job.result is None:
            text = f"the {self._kind.name} is {job.state.name}: it has content once it is SUCCEEDED"
            raise FailedPreconditionError(self._kind.not_ready_reason, text, metadata={"state": job.state.name})
        return job.result

    async def result_so_far(self, job: Job) -> bytes | None:
        """The result of a finished job, or the partial result that the present attempt of a live one has saved."""
        return job.result if job.state.terminal else await self._store.partial(job)

    @contextmanager
    def _errors(self, job_id: str) -> Iterator[None]:
        try:
            yield
        except NotFoundError as error:
            kind = self._kind
            metadata = {f"{kind.name}_id": job_id}
            raise NotFoundError(kind.not_found_reason, f"there is no such {kind.name}", metadata=metadata) from error
