"""What a caller can do with images."""

import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import structlog

from atelier_diffusion.catalogue import Catalogue
from atelier_diffusion.errors import EngineError
from atelier_diffusion.model_card import ModelCard
from atelier_image.domain.cache_key import cache_key
from atelier_image.domain.model_view import engines
from atelier_image.domain.parameters import Asked, Parameters, resolve
from atelier_image.domain.ports import Hit, HitGoneError, ModelReports, ResultCache
from atelier_image.domain.result import Output, Result
from atelier_image.domain.tidying import source_of
from atelier_jobs.job import Job
from atelier_jobs.states import State
from atelier_jobs.store import JobStore, Limits, Page, Submission, Submitted, Within
from atelier_service.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from atelier_service.ids import uuid7

_log = structlog.get_logger(__name__)

KIND = "image"

RecordedT = TypeVar("RecordedT")


def random_seed() -> int:
    """A seed nobody asked for: 32 random bits."""
    return secrets.randbits(32)


class Images:
    """Images of an owner. Somebody else's answers like one that never was: NotFoundError IMAGE_NOT_FOUND."""

    def __init__(
        self,
        jobs: JobStore,
        catalogue: Catalogue,
        reports: ModelReports,
        cache: ResultCache,
        *,
        limits: Limits,
        max_attempts: int,
        draw_seed: Callable[[], int] = random_seed,
    ) -> None:
        self._jobs = jobs
        self._catalogue = catalogue
        self._reports = reports
        self._cache = cache
        self._limits = limits
        self._max_attempts = max_attempts
        self._draw_seed = draw_seed

    async def generate(self, owner: str, asked: Asked, *, key: str = "", request_hash: bytes = b"") -> Submitted:
        """Records an image to be made, or one that is made already; a repeat under `key` answers the first.

        Raises InvalidArgumentError, AlreadyExistsError and ResourceExhaustedError.
        """
        if key:
            first = await self._jobs.repeat_of(owner, key, request_hash)
            if first is not None:
                return Submitted(first, repeated=True)
        parameters = self._resolve(asked)
        job_id = uuid7()

        async def record(result: bytes | None, within: Within | None) -> Submitted:
            submission = Submission(
                job_id=job_id,
                owner=owner,
                kind=KIND,
                spec=parameters.to_bytes(),
                max_attempts=self._max_attempts,
                idempotency_key=key,
                request_hash=request_hash,
                result=result,
            )
            return await self._jobs.submit(submission, self._limits, within=within)

        return await self._recorded(owner, job_id, await self._cached(owner, asked, parameters), record)

    async def update(self, owner: str, image_id: str, asked: Asked) -> Job:
        """New parameters, in place or as the next revision. Raises also NotFoundError and ResourceExhaustedError."""
        parameters = self._resolve(asked)
        await self.get(owner, image_id)  # nothing is looked up for an image that is not there

        async def record(result: bytes | None, within: Within | None) -> Job:
            return await self._jobs.restart(
                owner, image_id, parameters.to_bytes(), result=result, limits=self._limits, within=within
            )

        with _image_errors(image_id):
            return await self._recorded(owner, image_id, await self._cached(owner, asked, parameters), record)

    async def get(self, owner: str, image_id: str) -> Job:
        """One image."""
        with _image_errors(image_id):
            return await self._jobs.get(owner, image_id)

    async def page(self, owner: str, *, state: State | None, before: str, limit: int) -> Page:
        """Images with an id below `before`, newest first."""
        return await self._jobs.list(owner, kind=KIND, state=state, before=before, limit=limit)

    async def cancel(self, owner: str, image_id: str) -> Job:
        """Asks to stop; a finished image stands as it is."""
        with _image_errors(image_id):
            return await self._jobs.cancel(owner, image_id)

    async def delete(self, owner: str, image_id: str) -> None:
        """Stops it if it runs and removes it; its files follow."""
        with _image_errors(image_id):
            await self._jobs.delete(owner, image_id)

    async def file_lost(self, owner: str, image_id: str, asset_id: str) -> None:
        """Storage has not got what it had (it came back from an older backup, say): the result answers no request any
        more, so that the next one is made anew. Nothing happens when the image has another result by now."""
        job = await self.get(owner, image_id)
        source = source_of(job)
        if source is None or job.result is None:
            return
        if asset_id in [output.asset_id for output in Result.from_bytes(job.result).outputs]:
            _log.error("the files of an image are gone", image_id=image_id, source_job_id=source.job_id)
            await self._cache.retire(owner, source)

    async def output(self, owner: str, image_id: str, index: int) -> Output:
        """One picture of a finished image.

        Raises NotFoundError (no such image, or index past the end) and FailedPreconditionError (IMAGE_NOT_READY).
        """
        job = await self.get(owner, image_id)
        if job.state is not State.SUCCEEDED or job.result is None:
            text = f"the image is {job.state.name}: it has content once it is SUCCEEDED"
            raise FailedPreconditionError("IMAGE_NOT_READY", text, metadata={"state": job.state.name})
        outputs = Result.from_bytes(job.result).outputs
        if index >= len(outputs):
            text = f"the image has {len(outputs)} picture(s), counted from 0"
            raise NotFoundError("PICTURE_NOT_FOUND", text, metadata={"index": str(index)})
        return outputs[index]

    def _card(self, model_id: str) -> ModelCard:
        try:
            return self._catalogue.get(model_id)
        except EngineError as error:
            text = "is no model of the catalogue"
            raise InvalidArgumentError.of_field("model", text, reason="UNKNOWN_MODEL") from error

    def _resolve(self, asked: Asked) -> Parameters:
        return resolve(asked, self._card(asked.model), self._draw_seed)

    async def _cached(self, owner: str, asked: Asked, parameters: Parameters) -> Hit | None:
        """An earlier result of the same request. Its files are there: they stay while an image refers to them."""
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
        record: Callable[[bytes | None, Within | None], Awaitable[RecordedT]],
    ) -> RecordedT:
        """Records the image together with its reference to the files of `hit`, or as one to be made."""
        if hit is not None:
            try:
                return await record(hit.result.to_bytes(), self._cache.adopting(owner, job_id, hit))
            except HitGoneError:
                pass  # since it was found: the picture is made anew
        return await record(None, None)


@contextmanager
def _image_errors(image_id: str) -> Iterator[None]:
    try:
        yield
    except NotFoundError as error:
        raise NotFoundError("IMAGE_NOT_FOUND", "there is no such image", metadata={"image_id": image_id}) from error
