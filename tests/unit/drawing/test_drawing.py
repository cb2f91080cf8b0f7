"""The device as a job sees it, with an engine that makes a step when it is told to."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from atelier_diffusion.engine.results import Picture
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.request import ImageRequest
from atelier_diffusion.remote.messages import StepDone
from atelier_drawing.worker.drawing import draw
from atelier_image.domain.parameters import AskedImage, resolve
from atelier_jobs.domain.progress import Progress
from atelier_jobs.worker.attempt import Attempt, Stopped, StopReason
from tests.support.wait import eventually
from tests.unit.jobs.attempts import Reports, an_attempt
from tests.unit.models.cards import DEMO

REQUEST = resolve(AskedImage(prompt="a cat", steps=3), DEMO, lambda: 7).request
PIXELS = np.zeros((8, 8, 3), np.uint8)


class StepByStep:
    """One request after the other."""

    def __init__(self) -> None:
        self.go_on = asyncio.Semaphore(0)
        self.drawing = False
        self.canceled = False
        self._turn = asyncio.Lock()

    async def generate(
        self, request: ImageRequest, model_id: str, *, on_step: Callable[[StepDone], None]
    ) -> tuple[list[Picture], float]:
        async with self._turn:
            self.drawing = True
            if model_id == "broken":
                raise EngineError("MODEL_NOT_FOUND", "no such model")
            try:
                for step in range(request.steps + 1):
                    if step:
                        await self.go_on.acquire()
                    preview = b"jpeg" if step == 2 else b""
                    on_step(StepDone(1, step, request.steps, 0, step * 10**9, (step + 1) * 10**9, preview))
            except asyncio.CancelledError:
                self.canceled = True
                raise
        return [Picture(0, request.seed, PIXELS, model_id, "r1")], 0.1


async def drawn_by(engine: StepByStep, attempt: Attempt, model_id: str = "demo") -> list[Picture]:
    return await draw(
        attempt,
        model_id,
        lambda on_step: engine.generate(REQUEST, model_id, on_step=on_step),
        denoising=lambda step, steps: Progress(done=step, total=steps, fraction=step / steps),
    )


def steps(engine: StepByStep, count: int) -> None:
    for _ in range(count):
        engine.go_on.release()


async def test_every_step_is_reported_with_its_preview() -> None:
    engine, reports = StepByStep(), Reports()
    steps(engine, 3)
    (picture,) = await drawn_by(engine, an_attempt(reports))
    assert picture.seed == 7
    assert reports.steps == [0, 1, 2, 3]
    assert reports.previews == [b"jpeg"]
    assert reports.etas_s == [None, 2.0, 1.0, 0.0]


async def test_a_cancellation_ends_it_at_once_and_reaches_the_device() -> None:
    engine, attempt = StepByStep(), an_attempt(reports := Reports())
    drawn = asyncio.create_task(drawn_by(engine, attempt))
    await eventually(lambda: reports.steps)
    attempt.stop(StopReason.CANCELED)
    with pytest.raises(Stopped):
        await drawn
    assert engine.canceled
    assert reports.steps == [0]


async def test_what_waits_for_the_device_stops_at_once() -> None:
    engine, attempt = StepByStep(), an_attempt()
    first = asyncio.create_task(drawn_by(engine, an_attempt()))
    await eventually(lambda: engine.drawing)
    second = asyncio.create_task(drawn_by(engine, attempt))
    await asyncio.sleep(0)  # it is in the queue now
    attempt.stop(StopReason.CANCELED)
    with pytest.raises(Stopped):
        await asyncio.wait_for(second, 5)
    assert not first.done()
    steps(engine, 3)
    await first


async def test_what_is_stopped_already_is_not_begun() -> None:
    engine, attempt = StepByStep(), an_attempt()
    attempt.stop(StopReason.LOST)
    with pytest.raises(Stopped):
        await drawn_by(engine, attempt)
    assert not engine.drawing


async def test_the_device_stops_when_no_caller_waits() -> None:
    engine = StepByStep()
    drawn = asyncio.create_task(drawn_by(engine, an_attempt()))
    await eventually(lambda: engine.drawing)
    drawn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawn
    assert engine.canceled


async def test_a_failure_of_the_engine_is_the_callers() -> None:
    with pytest.raises(EngineError):
        await drawn_by(StepByStep(), an_attempt(), "broken")
