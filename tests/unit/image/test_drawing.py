"""The device, with an engine of plain numbers."""

import asyncio
import threading
from collections.abc import Callable

import numpy as np
import pytest

from atelier_diffusion.denoise import Picture
from atelier_diffusion.engine import StepReport
from atelier_diffusion.errors import CanceledError, EngineError
from atelier_diffusion.request import ImageRequest
from atelier_image.domain.parameters import Asked, resolve
from atelier_image.worker.drawing import Drawing
from atelier_jobs.attempt import Stopped, StopReason
from atelier_service.testing.wait import eventually
from tests.unit.image.attempts import Reports, an_attempt
from tests.unit.image.cards import DEMO

REQUEST = resolve(Asked(prompt="a cat", steps=3), DEMO, lambda: 7).request()
PIXELS = np.zeros((8, 8, 3), np.uint8)


class StepByStep:
    """An engine that makes a step when it is told to."""

    def __init__(self) -> None:
        self.go_on = threading.Semaphore(0)
        self.drawing = threading.Event()
        self.canceled = threading.Event()

    def generate(self, request: ImageRequest, model_id: str, *, on_step: Callable[[StepReport], bool]) -> list[Picture]:
        self.drawing.set()
        for step in range(request.steps + 1):
            if step:
                self.go_on.acquire()
            if not on_step(StepReport(step, request.steps, 0, (lambda: PIXELS) if step else None)):
                self.canceled.set()
                raise CanceledError
        return [Picture(0, request.seed, PIXELS, model_id, "r1")]

    def warm_up(self, model_id: str) -> object:
        raise EngineError("MODEL_NOT_FOUND", "no such model")


async def test_every_step_is_reported() -> None:
    engine, reports = StepByStep(), Reports()
    engine.go_on.release(3)
    async with Drawing.on(engine) as drawing:
        (picture,) = await drawing.draw(REQUEST, "demo", an_attempt(reports))
    assert picture.seed == 7
    assert reports.steps == [0, 1, 2, 3]


async def test_it_stops_at_the_next_step() -> None:
    engine, attempt = StepByStep(), an_attempt(reports := Reports())
    async with Drawing.on(engine) as drawing:
        drawn = asyncio.create_task(drawing.draw(REQUEST, "demo", attempt))
        await eventually(lambda: reports.steps)
        attempt.stop(StopReason.CANCELED)
        engine.go_on.release()
        with pytest.raises(Stopped):
            await drawn
    assert reports.steps == [0]


async def test_what_waits_for_the_device_stops_at_once() -> None:
    engine, attempt = StepByStep(), an_attempt()
    async with Drawing.on(engine) as drawing:
        first = asyncio.create_task(drawing.draw(REQUEST, "demo", an_attempt()))
        await eventually(engine.drawing.is_set)
        second = asyncio.create_task(drawing.draw(REQUEST, "demo", attempt))
        await asyncio.sleep(0)  # it is in the queue now
        attempt.stop(StopReason.CANCELED)
        with pytest.raises(Stopped):
            await asyncio.wait_for(second, 5)
        assert not first.done()
        engine.go_on.release(3)
        await first


async def test_what_is_stopped_already_is_not_begun() -> None:
    engine, attempt = StepByStep(), an_attempt()
    attempt.stop(StopReason.LOST)
    async with Drawing.on(engine) as drawing:
        with pytest.raises(Stopped):
            await drawing.draw(REQUEST, "demo", attempt)
    assert not engine.drawing.is_set()


async def test_the_device_stops_when_nobody_waits_any_more() -> None:
    engine = StepByStep()
    async with Drawing.on(engine) as drawing:
        drawn = asyncio.create_task(drawing.draw(REQUEST, "demo", an_attempt()))
        await eventually(engine.drawing.is_set)
        drawn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await drawn
        engine.go_on.release()
        await eventually(engine.canceled.is_set)


async def test_a_failure_of_the_engine_is_the_callers() -> None:
    async with Drawing.on(StepByStep()) as drawing:
        with pytest.raises(EngineError):
            await drawing.warm_up("demo")
