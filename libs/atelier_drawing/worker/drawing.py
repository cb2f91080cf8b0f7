"""Drawing for an attempt: calls the engine, reports its steps, and stops it when the attempt must stop."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from prometheus_client import Counter, Histogram

from atelier_diffusion.remote.messages import StepDone
from atelier_jobs.domain.progress import Progress
from atelier_jobs.worker.attempt import Attempt

_STEPS = Counter("atelier_denoising_steps_total", "Denoising steps done.", ["kind", "model"])
_INFERENCE = Histogram(
    "atelier_inference_seconds", "Seconds on the device for one request, from its turn to its end.",
    ["kind", "model"], buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 180, 600, 1800),
)  # fmt: skip

DrawnT = TypeVar("DrawnT")

Draws = Callable[[Callable[[StepDone], None]], Coroutine[Any, Any, tuple[DrawnT, float]]]
"""Calls the engine (see RemoteEngine) with a callback for each step; returns the output and the seconds on the device.
Raises EngineError; cancelling the call stops the engine."""


async def draw(
    attempt: Attempt, model_id: str, generate: Draws[DrawnT], *, denoising: Callable[[int, int], Progress]
) -> DrawnT:
    """Draws for an attempt, and reports its progress.

    Requests wait for the device in the order of their calls; one that is stopped while it waits is removed at once.

    Args:
        attempt: The attempt.
        model_id: Id of the model.
        generate: Calls the engine.
        denoising: Makes the progress of the kind of job, given the steps that are done and their total.

    Returns:
        The output of `generate`.

    Raises:
        Stopped: A stop was requested; the device stops within one denoising step.
        EngineError: The engine failed.
    """
    attempt.check()
    steps = _Steps(attempt, model_id, denoising)
    drawn, seconds = await attempt.unless_stopped(generate(steps.done))
    _INFERENCE.labels(attempt.job.kind, model_id).observe(seconds)
    return drawn


class _Steps:
    """Reports the denoising steps of one call."""

    def __init__(self, attempt: Attempt, model_id: str, denoising: Callable[[int, int], Progress]) -> None:
        self._attempt = attempt
        self._count = _STEPS.labels(attempt.job.kind, model_id)
        self._denoising = denoising
        self._began_ns = 0

    def done(self, step: StepDone) -> None:
        """Reports a step; step 0 is the beginning."""
        progress = self._denoising(step.step, step.steps)
        if step.step == 0:
            self._began_ns = step.ended_ns
            self._attempt.report(progress)
            return
        self._count.inc()
        eta_s = (step.ended_ns - self._began_ns) / 1e9 / step.step * (step.steps - step.step)
        self._attempt.report(progress, eta_s=eta_s, preview=step.preview)
