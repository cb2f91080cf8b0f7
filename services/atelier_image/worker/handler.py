"""What the worker does with one job."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from atelier_diffusion.errors import EngineError
from atelier_image.domain.cache_key import Engine, cache_key
from atelier_image.domain.parameters import Parameters
from atelier_image.domain.ports import ResultCache
from atelier_image.domain.result import Output, Result, Source
from atelier_image.worker.drawing import Drawing
from atelier_image.worker.picture_files import PictureFiles
from atelier_jobs.attempt import Attempt, InfrastructureFault, JobFault
from atelier_jobs.job import Job
from atelier_service.telemetry import tracer

# At another time these may go well: the hub is back, other work has ended, the memory is free again.
_PASSING = frozenset({"MODEL_DOWNLOAD_FAILED", "MODEL_MEMORY_BUSY", "OUT_OF_MEMORY", "ENGINE_LOST"})


class ImageHandler:
    """Draws, stores, remembers. While it stores, the device is free for the next job."""

    def __init__(
        self,
        drawing: Drawing,
        files: PictureFiles,
        cache: ResultCache,
        fingerprint_of: Callable[[str], str],
        *,
        changed: Callable[[], None],
    ) -> None:
        """`fingerprint_of` tells for a model's id what draws it here (see `Engine`); `changed` is called when the jobs
        in hand do."""
        self._drawing = drawing
        self._files = files
        self._cache = cache
        self._fingerprint_of = fingerprint_of
        self._changed = changed
        self._in_hand: dict[str, None] = {}

    @property
    def job_ids(self) -> tuple[str, ...]:
        """The jobs in hand, the one that came first first."""
        return tuple(self._in_hand)

    async def run(self, job: Job, attempt: Attempt) -> bytes:
        """See Handler.run."""
        self._in_hand[job.id] = None
        self._changed()
        try:
            return await self._make(job, attempt)
        finally:
            self._in_hand.pop(job.id, None)
            self._changed()

    async def _make(self, job: Job, attempt: Attempt) -> bytes:
        parameters = Parameters.from_bytes(job.spec)
        attributes: dict[str, str | int] = {
            "image.model": parameters.model,
            "image.steps": parameters.steps,
            "image.count": parameters.count,
            "image.width_px": parameters.width_px,
            "image.height_px": parameters.height_px,
        }
        try:
            with tracer().start_as_current_span("image.generate", attributes=attributes):
                pictures = await self._drawing.draw(parameters.request(), parameters.model, attempt)
        except EngineError as error:
            if error.reason == "ENGINE_RESTARTED":
                raise InfrastructureFault("the process that draws fell at another job") from error
            raise JobFault(error.reason, error.message, retryable=error.reason in _PASSING) from error
        with tracer().start_as_current_span("image.store"):
            outputs = await _all(self._files.store(job, attempt, parameters, picture) for picture in pictures)
        result = Result(
            model_revision=pictures[0].model_revision,
            source=Source(job.id, attempt.epoch),
            outputs=tuple(outputs),
        )
        engine = Engine(result.model_revision, self._fingerprint_of(parameters.model))
        attempt.within_success = self._cache.adding(job.owner, job.id, cache_key(parameters, engine), result)
        return result.to_bytes()


async def _all(stores: Iterable[Coroutine[Any, Any, Output]]) -> list[Output]:
    """Stores everything at once; the first failure stops the others and is raised as it is."""
    tasks = [asyncio.create_task(store) for store in stores]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
