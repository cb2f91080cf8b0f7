"""The device: one thread that draws, one request after the other."""

import asyncio
import contextvars
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

from prometheus_client import Counter, Histogram

from atelier_diffusion.denoise import Picture
from atelier_diffusion.encode import preview_jpeg
from atelier_diffusion.engine import StepReport
from atelier_diffusion.errors import CanceledError
from atelier_diffusion.request import ImageRequest
from atelier_jobs.attempt import Attempt, Stopped

_PREVIEW_EVERY_S = 0.5

_STEPS = Counter("atelier_image_steps_total", "Denoising steps made.", ["model"])
_INFERENCE = Histogram(
    "atelier_image_inference_seconds", "Seconds on the device for one request, from its turn to its last picture.",
    ["model"], buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 180, 600),
)  # fmt: skip


class Draws(Protocol):
    """What is asked of the engine; see ImageEngine. Both methods block, and raise EngineError."""

    def generate(
        self, request: ImageRequest, model_id: str, *, on_step: Callable[[StepReport], bool]
    ) -> list[Picture]: ...

    def warm_up(self, model_id: str) -> object: ...


class Drawing:
    """Requests wait in the order in which they come; one that is stopped while it waits leaves at once."""

    def __init__(self, engine: Draws) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="device")

    @classmethod
    @asynccontextmanager
    async def on(cls, engine: Draws) -> AsyncIterator["Drawing"]:
        """The device of `engine`; waits at the end for the step that is being made."""
        drawing = cls(engine)
        try:
            yield drawing
        finally:
            await asyncio.to_thread(drawing._thread.shutdown, cancel_futures=True)

    async def draw(self, request: ImageRequest, model_id: str, attempt: Attempt) -> list[Picture]:
        """The pictures. Loads the model if need be.

        Raises Stopped when the attempt is to stop, within one denoising step, and EngineError.
        """
        attempt.check()
        watch = _StepWatch(attempt, model_id)
        work = partial(self._engine.generate, request, model_id, on_step=watch.step)
        future: Future[list[Picture]] = self._thread.submit(contextvars.copy_context().run, watch.timed, work)
        attempt.when_stopped(future.cancel)  # has an effect only while it waits; later the steps look themselves
        try:
            return await asyncio.wrap_future(future)
        except CanceledError as error:
            raise Stopped from error
        except asyncio.CancelledError:
            if future.cancelled() and attempt.stop_requested:
                raise Stopped from None
            raise
        finally:
            watch.abandoned.set()  # nobody waits any more: no step more than the one that is being made

    async def warm_up(self, model_id: str) -> None:
        """Loads a model and draws nothing of use with it, before the first request comes. Raises EngineError."""
        await asyncio.wrap_future(self._thread.submit(self._engine.warm_up, model_id))


class _StepWatch:
    """Looks up at every step, in the device's thread."""

    def __init__(self, attempt: Attempt, model_id: str) -> None:
        self.abandoned = threading.Event()
        self._attempt = attempt
        self._model_id = model_id
        self._first_s = 0.0
        self._previewed_s = 0.0

    def timed(self, work: partial[list[Picture]]) -> list[Picture]:
        """Runs `work` with a stop-watch beside it."""
        started = time.perf_counter()
        try:
            return work()
        finally:
            _INFERENCE.labels(self._model_id).observe(time.perf_counter() - started)

    def step(self, report: StepReport) -> bool:
        """Reports a step; False to stop."""
        if self.abandoned.is_set() or self._attempt.stop_requested:
            return False
        now = time.perf_counter()
        if report.step == 0:
            self._first_s = self._previewed_s = now
            self._attempt.report(0, report.steps)
            return True
        _STEPS.labels(self._model_id).inc()
        eta_s = (now - self._first_s) / report.step * (report.steps - report.step)
        preview = b""
        if report.preview is not None and report.step < report.steps and now - self._previewed_s >= _PREVIEW_EVERY_S:
            preview = preview_jpeg(report.preview())
            self._previewed_s = now
        self._attempt.report(report.step, report.steps, eta_s=eta_s, preview=preview)
        return True
