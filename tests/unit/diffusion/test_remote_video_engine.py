"""Clips that are drawn in another process: their frames come over one chunk at a time."""

import asyncio
import contextlib
import gc
import itertools
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.support.wait import eventually
from tests.unit.diffusion.paper_video_engine import open_paper_video_engine

from atelier_diffusion.engine.results import Clip, FrameChunk
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.request import VideoRequest
from atelier_diffusion.remote.messages import StepDone
from atelier_diffusion.remote.remote_engine import RemoteEngine

REQUEST = VideoRequest("x", "", 64, 96, 3, 1.0, 7, "EULER", frames=10)
LONG = replace(REQUEST, steps=10_000_000)


@pytest.fixture(autouse=True)
async def nothing_is_left_behind() -> AsyncIterator[None]:
    """No task, and no exception that nobody heard of."""
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    before = asyncio.all_tasks()
    yield
    gc.collect()
    current = asyncio.current_task()
    assert {task for task in asyncio.all_tasks() - before if task is not current} == set()
    assert unheard == []


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
async def engine(journal: Path) -> AsyncIterator[RemoteEngine]:
    async with RemoteEngine.open(open_paper_video_engine, journal=journal) as opened:
        yield opened


class Reader:
    """Keeps every chunk; from chunk `stays_at` on it never ends by itself, and takes a while to end when told."""

    def __init__(self, stays_at: int = -1) -> None:
        self.chunks: list[FrameChunk] = []
        self.stays = asyncio.Event()
        self.is_reading = False
        self._stays_at = stays_at

    async def read(self, chunk: FrameChunk) -> None:
        assert not self.is_reading
        self.is_reading = True
        try:
            self.chunks.append(chunk)
            if len(self.chunks) - 1 == self._stays_at:
                self.stays.set()
                await asyncio.Event().wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            self.is_reading = False

    @property
    def firsts(self) -> list[int]:
        return [chunk.first_index for chunk in self.chunks]


def decoded(journal: Path) -> list[str]:
    """What the other process has decoded, ever."""
    return [line for line in journal.read_text().splitlines() if line.startswith("decode")]


async def is_ready_for_the_next(engine: RemoteEngine) -> None:
    reader = Reader()
    await asyncio.wait_for(engine.generate_clip(REQUEST, on_frames=reader.read), 20)
    assert reader.firsts == [0, 4, 8]


async def test_a_clip_comes_over_with_all_its_steps_and_frames_in_order(engine: RemoteEngine) -> None:
    steps: list[StepDone] = []
    reader = Reader()
    clip, seconds = await engine.generate_clip(REQUEST, "m", on_frames=reader.read, on_step=steps.append)
    assert clip == Clip(7, 10, "m", "r1")
    assert [(chunk.first_index, chunk.pixels.shape) for chunk in reader.chunks] == [
        (0, (4, 96, 64, 3)),
        (4, (4, 96, 64, 3)),
        (8, (2, 96, 64, 3)),
    ]
    assert [int(frame[-1, -1, -1]) for chunk in reader.chunks for frame in chunk.pixels] == list(range(10))
    assert [(step.step, step.steps) for step in steps] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert seconds >= 0.006


async def test_while_a_chunk_is_taken_the_next_one_is_decoded_and_no_more(engine: RemoteEngine, journal: Path) -> None:
    there = iter([2, 3, 4, 4])

    async def read(_chunk: FrameChunk) -> None:
        chunks = next(there)
        await eventually(lambda: len(decoded(journal)) == chunks)
        for _ in range(5):
            await engine.load("m")  # the other process has had time, and is there for others
        assert len(decoded(journal)) == chunks

    await engine.generate_clip(replace(REQUEST, frames=14), on_frames=read)
    assert next(there, None) is None


async def test_while_the_last_chunk_is_taken_the_next_clip_is_drawn(engine: RemoteEngine) -> None:
    reader, next_reader = Reader(stays_at=2), Reader()
    drawing = asyncio.create_task(engine.generate_clip(REQUEST, on_frames=reader.read))
    await reader.stays.wait()
    await asyncio.wait_for(engine.generate_clip(REQUEST, on_frames=next_reader.read), 20)
    assert not drawing.done()
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing
    assert not reader.is_reading


async def test_the_time_of_a_slow_reader_is_not_the_devices(engine: RemoteEngine) -> None:
    async def read(_: FrameChunk) -> None:
        until = time.monotonic() + 0.1
        while time.monotonic() < until:
            await engine.load("m")

    began = time.monotonic()
    _, seconds = await engine.generate_clip(REQUEST, on_frames=read)
    assert 0.006 <= seconds <= time.monotonic() - began - 0.2  # two of three readings are waited for


async def test_clips_are_drawn_one_after_the_other(engine: RemoteEngine) -> None:
    order: list[tuple[int, int]] = []

    async def draw(seed: int) -> None:
        async def read(chunk: FrameChunk) -> None:
            order.append((seed, chunk.first_index))

        await engine.generate_clip(replace(REQUEST, seed=seed), on_frames=read)

    await asyncio.gather(*(draw(seed) for seed in range(3)))
    assert order == [(seed, first) for seed in range(3) for first in (0, 4, 8)]


@pytest.mark.parametrize("chunk", [0, 1, 2])
async def test_a_clip_that_is_canceled_while_its_frames_are_taken_ends_here_and_there(
    engine: RemoteEngine, journal: Path, chunk: int
) -> None:
    reader = Reader(stays_at=chunk)
    drawing = asyncio.create_task(engine.generate_clip(REQUEST, on_frames=reader.read))
    await reader.stays.wait()
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing
    assert not reader.is_reading
    await is_ready_for_the_next(engine)
    assert decoded(journal) == [*["decode 0", "decode 4", "decode 8"][: chunk + 2], "decode 0", "decode 4", "decode 8"]


async def test_a_clip_that_is_canceled_while_it_is_denoised_is_never_decoded(
    engine: RemoteEngine, journal: Path
) -> None:
    began = asyncio.Event()
    drawing = asyncio.create_task(engine.generate_clip(LONG, on_frames=Reader().read, on_step=lambda _: began.set()))
    await began.wait()
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing
    await is_ready_for_the_next(engine)
    assert len(decoded(journal)) == 3


@pytest.mark.parametrize("raised", [OSError("the disk is full"), TimeoutError(), asyncio.CancelledError("of its own")])
async def test_what_the_reader_raises_ends_the_call_as_it_is(
    engine: RemoteEngine, journal: Path, raised: BaseException
) -> None:
    async def read(chunk: FrameChunk) -> None:
        if chunk.first_index == 4:
            raise raised

    with pytest.raises(type(raised)) as heard:
        await asyncio.wait_for(engine.generate_clip(REQUEST, on_frames=read), 20)
    assert heard.value is raised or isinstance(raised, asyncio.CancelledError)  # whose instances asyncio makes anew
    await is_ready_for_the_next(engine)
    assert decoded(journal)[:4] == ["decode 0", "decode 4", "decode 8", "decode 0"]


async def test_a_reader_that_fails_as_it_is_canceled_hides_nothing(engine: RemoteEngine) -> None:
    reading = asyncio.Event()

    async def read(_: FrameChunk) -> None:
        try:
            reading.set()
            await asyncio.Event().wait()
        finally:
            raise OSError("the disk is full")

    drawing = asyncio.create_task(engine.generate_clip(REQUEST, on_frames=read))
    await reading.wait()
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing


async def test_when_it_is_killed_while_it_decodes_only_that_clip_is_lost(engine: RemoteEngine) -> None:
    reader, waiting = Reader(), Reader()
    first = asyncio.create_task(engine.generate_clip(replace(REQUEST, prompt="crash"), on_frames=reader.read))
    behind = asyncio.create_task(engine.generate_clip(REQUEST, on_frames=waiting.read))
    for call, reason in ((first, "ENGINE_LOST"), (behind, "ENGINE_RESTARTED")):
        with pytest.raises(EngineError, match="SIGKILL") as lost:
            await asyncio.wait_for(call, 20)
        assert lost.value.reason == reason
    assert (reader.firsts, waiting.firsts) == ([0], [])
    await is_ready_for_the_next(engine)


async def test_when_it_is_killed_while_frames_are_taken_the_reader_is_ended(engine: RemoteEngine) -> None:
    reader = Reader(stays_at=1)
    drawing = asyncio.create_task(engine.generate_clip(REQUEST, on_frames=reader.read))
    await reader.stays.wait()
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="SIGKILL") as lost:
        await asyncio.wait_for(drawing, 20)
    assert lost.value.reason == "ENGINE_LOST"
    assert not reader.is_reading
    await is_ready_for_the_next(engine)


async def test_it_leaves_no_process_behind_that_waits_for_its_frames_to_be_taken(journal: Path) -> None:
    reader = Reader(stays_at=0)
    async with RemoteEngine.open(open_paper_video_engine, journal=journal) as engine:
        pid = engine.pid
        drawing = asyncio.create_task(engine.generate_clip(REQUEST, on_frames=reader.read))
        await reader.stays.wait()
    await eventually(lambda: not Path(f"/proc/{pid}").exists())
    drawing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await drawing


async def test_each_chunk_is_a_span_without_the_wait_for_the_caller(engine: RemoteEngine) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    tracer = provider.get_tracer("test")
    taken_ns: list[int] = []

    async def read(_chunk: FrameChunk) -> None:
        for _ in range(5):
            await engine.load("m")
        taken_ns.append(time.time_ns())

    with tracer.start_as_current_span("job") as job:
        await engine.generate_clip(REQUEST, on_frames=read, tracer=tracer)
    *children, _ = spans.get_finished_spans()
    assert [span.name for span in children] == ["denoise.step"] * 3 + ["decode.frames"] * 3
    assert [dict(span.attributes or {}) for span in children[3:]] == [
        {"first_frame": 0, "frames": 4},
        {"first_frame": 4, "frames": 4},
        {"first_frame": 8, "frames": 2},
    ]
    assert all(span.parent is not None and span.parent.span_id == job.get_span_context().span_id for span in children)
    times = [(span.start_time or 0, span.end_time or 0) for span in children]
    assert all(ended - began >= 1_000_000 for began, ended in times)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(times))
    assert taken_ns[0] <= times[5][0]  # the third is decoded while the second is taken, not while it waits
