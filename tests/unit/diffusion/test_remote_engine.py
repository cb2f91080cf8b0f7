"""An engine in a process of its own: what it says, and what happens when it falls."""

import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.support.wait import eventually
from tests.unit.diffusion.paper_engine import open_paper_engine

from atelier_diffusion.engine.model_store import ModelState, ModelStatus
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.request import ImageRequest
from atelier_diffusion.remote.messages import StepDone
from atelier_diffusion.remote.remote_engine import RemoteEngine

REQUEST = ImageRequest("x", "", 64, 96, 3, 1.0, 7, "EULER")
ENDLESS = replace(REQUEST, steps=10_000_000)


@pytest.fixture
async def engine() -> AsyncIterator[RemoteEngine]:
    async with RemoteEngine.open(open_paper_engine) as opened:
        yield opened


async def test_a_picture_comes_over_with_all_its_steps(engine: RemoteEngine) -> None:
    steps: list[StepDone] = []
    (picture,), seconds = await engine.generate(REQUEST, "m", on_step=steps.append)
    assert picture.pixels.shape == (96, 64, 3)
    assert (picture.seed, picture.model_id, int(picture.pixels[0, 0, 0])) == (7, "m", 7)
    assert [(step.step, step.steps) for step in steps] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert all(before.ended_ns <= after.began_ns <= after.ended_ns for before, after in itertools.pairwise(steps))
    assert seconds >= 0.003


async def test_pictures_masks_and_latents_go_over_and_come_back_unchanged(engine: RemoteEngine) -> None:
    noise = np.random.default_rng(0)
    picture = noise.integers(0, 256, (96, 64, 3), np.uint8)
    mask = np.zeros((96, 64), np.uint8)
    mask[:, :32] = 255
    (masked,), _ = await engine.generate(replace(REQUEST, init_picture=picture, mask=mask))
    assert np.array_equal(masked.pixels[:, 32:], picture[:, 32:])
    assert int(masked.pixels[0, 0, 0]) == 7
    samples = noise.standard_normal((1, 4, 12, 8)).astype(np.float32)
    asked = replace(REQUEST, init_latent=samples, outputs=("LATENT",), seed=0, wide_seed=2**64 - 1)
    (passed,), _ = await engine.generate(asked)
    assert passed.latent is not None
    assert np.array_equal(passed.latent.samples, samples)
    assert passed.seed == 2**64 - 1


async def test_what_it_is_and_has_is_known_once_it_is_open(engine: RemoteEngine) -> None:
    assert (engine.device_kind, engine.device_name, engine.dtype) == ("cpu", "paper", "float32")
    assert engine.statuses == (ModelStatus("m", ModelState.UNLOADED, "r1"),)
    await engine.generate(REQUEST)
    assert engine.memory is not None
    assert engine.memory.total_bytes == 2
    assert engine.resident_bytes > 1_000_000


async def test_previews_come_at_most_twice_a_second(engine: RemoteEngine) -> None:
    steps: list[StepDone] = []
    await engine.generate(replace(REQUEST, steps=800), on_step=steps.append)
    seconds = (steps[-1].ended_ns - steps[0].ended_ns) / 1e9
    previews = [step.preview for step in steps if step.preview]
    assert 1 <= len(previews) <= seconds / 0.5 + 1
    assert all(preview.startswith(b"\xff\xd8") for preview in previews)


async def test_requests_are_drawn_one_after_the_other_in_their_order(engine: RemoteEngine) -> None:
    order: list[int] = []

    async def draw(seed: int) -> None:
        await engine.generate(replace(REQUEST, seed=seed), on_step=lambda _: order.append(seed))

    await asyncio.gather(*(draw(seed) for seed in range(4)))
    assert order == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4


async def test_a_canceled_request_ends_at_once_and_the_device_goes_on_with_the_next(tmp_path: Path) -> None:
    made = tmp_path / "steps"
    async with RemoteEngine.open(open_paper_engine, steps_made=made) as engine:
        began = asyncio.Event()
        first = asyncio.create_task(engine.generate(ENDLESS, on_step=lambda _: began.set()))
        await began.wait()
        waiting = asyncio.create_task(engine.generate(ENDLESS))
        await asyncio.sleep(0)
        waiting.cancel()
        first.cancel()
        for task in (waiting, first):
            with pytest.raises(asyncio.CancelledError):
                await task
        (picture,), _ = await asyncio.wait_for(engine.generate(REQUEST), 20)
        assert picture.seed == 7
        assert made.read_text() == "3"


async def test_models_load_while_the_device_draws(engine: RemoteEngine) -> None:
    drawing = asyncio.create_task(engine.generate(ENDLESS))
    status = await asyncio.wait_for(engine.load("m"), 20)
    assert status.state is ModelState.READY
    assert engine.statuses == (status,)
    assert not drawing.done()
    drawing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await drawing


async def test_errors_of_the_engine_are_raised_in_the_caller(engine: RemoteEngine) -> None:
    with pytest.raises(EngineError, match="too large") as refused:
        await engine.generate(replace(REQUEST, prompt="refuse"))
    assert refused.value.reason == "INVALID_SIZE"


async def test_a_bug_in_the_engine_is_raised_with_its_traceback_and_stops_nothing(engine: RemoteEngine) -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        await engine.generate(replace(REQUEST, prompt="bug"))
    assert await engine.generate(REQUEST)


async def test_when_it_falls_calls_fail_at_once_and_another_one_is_there_for_the_next() -> None:
    told: list[ModelStatus] = []
    async with RemoteEngine.open(open_paper_engine, listener=told.append) as engine:
        await engine.load("m")
        first_pid = engine.pid
        waiting = asyncio.create_task(engine.generate(replace(REQUEST, prompt="crash")))
        behind = asyncio.create_task(engine.generate(REQUEST))
        # The one behind it has no part in it.
        for call, reason in ((waiting, "ENGINE_LOST"), (behind, "ENGINE_RESTARTED")):
            with pytest.raises(EngineError, match="SIGSEGV") as lost:
                await asyncio.wait_for(call, 20)
            assert lost.value.reason == reason
        (picture,), _ = await asyncio.wait_for(engine.generate(REQUEST), 20)
        assert picture.seed == 7
        assert engine.pid != first_pid
    assert [status.state for status in told] == [ModelState.READY, ModelState.UNLOADED]


async def test_a_device_that_is_not_there_is_said() -> None:
    with pytest.raises(EngineError, match="no device"):
        async with RemoteEngine.open(open_paper_engine, device="none"):
            pass


async def test_a_process_that_cannot_start_is_said() -> None:
    with pytest.raises(RuntimeError, match="exit status 1"):
        async with RemoteEngine.open(open_paper_engine, device="broken"):
            pass


async def test_it_leaves_no_process_behind() -> None:
    async with RemoteEngine.open(open_paper_engine) as engine:
        process = psutil.Process(engine.pid)
        drawing = asyncio.create_task(engine.generate(ENDLESS))
        await asyncio.sleep(0)
    assert not process.is_running()
    drawing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await drawing


async def test_it_lets_signals_that_are_meant_for_the_service_pass(engine: RemoteEngine) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(engine.pid, number)
    assert await engine.generate(REQUEST)


async def test_it_dies_with_a_service_that_is_killed() -> None:
    program = (
        "import asyncio\n"
        "from tests.unit.diffusion.test_remote_engine import ENDLESS, RemoteEngine, open_paper_engine\n"
        "async def main():\n"
        "    async with RemoteEngine.open(open_paper_engine) as engine:\n"
        "        print(engine.pid, flush=True)\n"
        "        await engine.generate(ENDLESS)\n"
        "asyncio.run(main())\n"
    )
    service = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE)
    assert service.stdout is not None
    drawing = psutil.Process(int(await service.stdout.readline()))
    service.kill()
    await service.wait()
    await eventually(lambda: not drawing.is_running() or drawing.status() == psutil.STATUS_ZOMBIE)


async def test_each_step_is_a_span_below_the_callers(engine: RemoteEngine) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("job") as job:
        await engine.generate(REQUEST, tracer=tracer)
    *steps, _ = spans.get_finished_spans()
    assert [span.name for span in steps] == ["denoise.step"] * 3
    assert [dict(span.attributes or {}) for span in steps][1] == {"step": 2, "picture": 0, "scheduler": "EULER"}
    assert all(span.parent is not None and span.parent.span_id == job.get_span_context().span_id for span in steps)
    assert all(span.end_time - span.start_time >= 1_000_000 for span in steps if span.end_time and span.start_time)
    with trace.use_span(trace.INVALID_SPAN):
        await engine.generate(REQUEST, tracer=tracer)
    assert len(spans.get_finished_spans()) == 4
