"""The device, as a job sees it: draws, reports its steps, and stops when the job is to stop."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from prometheus_client import Counter, Histogram

from atelier_diffusion.denoise import Picture
from atelier_diffusion.engine_messages import StepDone
from atelier_diffusion.request import ImageRequest
from atelier_jobs.attempt import Attempt, Stopped

_STEPS = Counter("atelier_image_steps_total", "Denoising steps made.", ["model"])
_INFERENCE = Histogram(
    "atelier_image_inference_seconds", "Seconds on the device for one request, from its turn to its last picture.",
    ["model"], buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 180, 600),
)  # fmt: skip


class Draws(Protocol):
    """What is asked of the engine; see RemoteEngine. Raises EngineError; a call that is cancelled stops drawing."""

    async def generate(
        self, request: ImageRequest, model_id: str, *, on_step: Callable[[StepDone], None]
    ) -> tuple[list[Picture], float]: ...


class Drawing:
    """Requests wait in the order in which they come; one that is stopped while it waits leaves at once."""

    def __init__(self, engine: Draws) -> None:
        self._engine = engine

    async def draw(self, request: ImageRequest, model_id: str, attempt: Attempt) -> list[Picture]:
        """The pictures. Loads the model if need be.

        Raises Stopped when the attempt is to stop (the device then stops within one denoising step), and EngineError.
        """
        attempt.check()
        steps = _Steps(attempt, model_id)
        drawing = asyncio.create_task(self._engine.generate(request, model_id, on_step=steps.done))
        attempt.when_stopped(drawing.cancel)
        try:
            pictures, seconds = await drawing
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if attempt.stop_requested and not (current is not None and current.cancelling()):
                raise Stopped from None
            raise
        _INFERENCE.labels(model_id).observe(seconds)
        return pictures


class _Steps:
    """Passes on how far the device is."""

    def __init__(self, attempt: Attempt, model_id: str) -> None:
        self._attempt = attempt
        self._model_id = model_id
        self._began_ns = 0

    def done(self, step: StepDone) -> None:
        """One step more, or the beginning."""
        if step.step == 0:
            self._began_ns = step.ended_ns
            self._attempt.report(0, step.steps)
            return
        _STEPS.labels(self._model_id).inc()
        eta_s = (step.ended_ns - self._began_ns) / 1e9 / step.step * (step.steps - step.step)
        self._attempt.report(step.step, step.steps, eta_s=eta_s, preview=step.preview)
