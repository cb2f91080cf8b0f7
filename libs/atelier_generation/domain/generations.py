"""What a caller can do with what is made."""

import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import structlog

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.model_card import ModelCard
from atelier_generation.domain.cache_key import cache_key
from atelier_generation.domain.kind import Kind
from atelier_generation.domain.model_view import engines
from atelier_generation.domain.parameters import AskedDrawing, DrawingParameters
from atelier_generation.domain.ports import Hit, HitGoneError, ModelReports, ResultCache
from atelier_generation.domain.result import asset_ids_in, source_of
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.outcome import TransactionHook
from atelier_jobs.domain.states import State
from atelier_jobs.domain.store import JobStore, Limits, Page, Submission, Submitted
from atelier_service.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from atelier_service.ids import uuid7

_log = structlog.get_logger(__name__)

AskedT = TypeVar("AskedT", bound=AskedDrawing)
RecordedT = TypeVar("RecordedT")

Resolve = Callable[[AskedT, ModelCard, Callable[[], int]], DrawingParameters]
"""Fills in what was left out; see `resolved_drawing`. Raises InvalidArgumentError."""


def random_seed() -> int:
    """A seed nobody asked for: 32 random bits."""
    return secrets.randbits(32)


class Generations(Generic[AskedT]):
    """Jobs of one kind, of an owner. Somebody else's answers like one that never was: NotFoundError."""

    def __init__(
        self,
        kind: Kind,
        resolve: Resolve[AskedT],
        jobs: JobStore,
        catalogue: Catalogue,
        reports: ModelReports,
        cache: ResultCache,
        *,
        limits: Limits,
        max_attempts: int,
        draw_seed: Callable[[], int] = random_seed,
    ) -> None:
        self._kind = kind
        self._fill_in = resolve
        self._jobs = jobs
        self._catalogue = catalogue
        self._reports = reports
        self._cache = cache
        self._limits = limits
        self._max_attempts = max_attempts
        self._draw_seed = draw_seed

    async def submit(
        self,
        owner: str,
        asked: AskedT,
        *,
        key: str = "",
        request_hash: bytes = b"",
        check: Callable[[], Awaitable[None]] | None = None,
    ) -> Submitted:
        """Records what is to be made, or what is made already; a repeat under `key` answers the first.

        `check` raises for what others know of the request; a repeat is answered without, whatever they know by now.
        Raises that, InvalidArgumentError, AlreadyExistsError and ResourceExhaustedError.
        """
        if key:
            first = await self._jobs.repeat_of(owner, key, request_hash)
            if first is not None:
                return Submitted(first, repeated=True)
        if check is not None:
            await check()
        parameters = self._resolve(asked)
        job_id = uuid7()

        async def record(result: bytes | None, hook: TransactionHook | None) -> Submitted:
            submission = Submission(
                job_id=job_id,
                owner=owner,
                kind=self._kind.name,
                spec=parameters.to_bytes(),
                max_attempts=self._max_attempts,
                idempotency_key=key,
                request_hash=request_hash,
                result=result,
            )
            return await self._jobs.submit(submission, self._limits, hook=hook)

        return await self._recorded(owner, job_id, await self._cached(owner, asked, parameters), record)

    async def update(self, owner: str, job_id: str, asked: AskedT) -> Job:
        """New parameters, in place or as the next revision. Raises also NotFoundError and ResourceExhaustedError."""
        parameters = self._resolve(asked)
        await self.get(owner, job_id)  # nothing is looked up for what is not there

        async def record(result: bytes | None, hook: TransactionHook | None) -> Job:
            return await self._jobs.restart(
                owner, job_id, parameters.to_bytes(), result=result, limits=self._limits, hook=hook
            )

        with self._errors(job_id):
            return await self._recorded(owner, job_id, await self._cached(owner, asked, parameters), record)

    async def get(self, owner: str, job_id: str) -> Job:
        """One job."""
        with self._errors(job_id):
            return await self._jobs.get(owner, job_id)

    async def page(self, owner: str, *, state: State | None, before: str, limit: int) -> Page:
        """Jobs with an id below `before`, newest first."""
        return await self._jobs.list(owner, kind=self._kind.name, state=state, before=before, limit=limit)

    async def cancel(self, owner: str, job_id: str) -> Job:
        """Asks to stop; a finished one stands as it is."""
        with self._errors(job_id):
            return await self._jobs.cancel(owner, job_id)

    async def delete(self, owner: str, job_id: str) -> None:
        """Stops it if it runs and removes it; its files follow."""
        with self._errors(job_id):
            await self._jobs.delete(owner, job_id)

    async def finished(self, owner: str, job_id: str) -> bytes:
        """The result of a job that SUCCEEDED. Raises NotFoundError, and FailedPreconditionError for any other."""
        job = await self.get(owner, job_id)
        if job.state is not State.SUCCEEDED or job.result is None:
            text = f"the {self._kind.name} is {job.state.name}: it has content once it is SUCCEEDED"
            raise FailedPreconditionError(self._kind.not_ready_reason, text, metadata={"state": job.state.name})
        return job.result

    async def file_lost(self, owner: str, job_id: str, asset_id: str) -> None:
        """Storage has not got what it had (it came back from an older backup, say): the result answers no request any
        more, so that the next one is made anew. Nothing happens when the job has another result by now."""
        job = await self.get(owner, job_id)
        source = source_of(job)
        if source is None or job.result is None:
            return
        if asset_id in asset_ids_in(job.result):
            _log.error("files are gone", kind=self._kind.name, job_id=job_id, source_job_id=source.job_id)
            await self._cache.retire(owner, source)

    def _card(self, model_id: str) -> ModelCard:
        try:
            return self._catalogue.get(model_id)
        except EngineError as error:
            text = "is no model of the catalogue"
            raise InvalidArgumentError.of_field("model", text, reason="UNKNOWN_MODEL") from error

    def _resolve(self, asked: AskedT) -> DrawingParameters:
        return self._fill_in(asked, self._card(asked.model), self._draw_seed)

    async def _cached(self, owner: str, asked: AskedT, parameters: DrawingParameters) -> Hit | None:
        """An earlier result of the same request. Its files are there: they stay while a job refers to them."""
        if asked.seed is None:
            return None  # a fresh seed was never drawn before
        drawing = engines(parameters.model, await self._reports.all())
        if not drawing:
            return None
        return await self._cache.find(owner, [cache_key(parameters, engine) for engine in drawing])

    async def _recorded(
        self,
        owner: str,
        job_id: str,
        hit: Hit | None,
        record: Callable[[bytes | None, TransactionHook | None], Awaitable[RecordedT]],
    ) -> RecordedT:
        """Records the job together with its reference to the files of `hit`, or as one to be made."""
        if hit is not None:
            try:
                return await record(hit.result, self._cache.adopting(owner, job_id, hit))
            except HitGoneError:
                pass  # since it was found: it is made anew
        return await record(None, None)

    @contextmanager
    def _errors(self, job_id: str) -> Iterator[None]:
        try:
            yield
        except NotFoundError as error:
            kind = self._kind
            metadata = {f"{kind.name}_id": job_id}
            raise NotFoundError(kind.not_found_reason, f"there is no such {kind.name}", metadata=metadata) from error
