"""Progress from a thread to the bus, and its order."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from atelier.events.v1.events_pb2 import Event
from atelier_jobs.domain.progress import Progress
from atelier_jobs.domain.states import State
from atelier_jobs.events.bus_progress import BusProgress
from atelier_jobs.events.factory import EventFactory
from atelier_jobs.messaging.bus import Bus
from atelier_jobs.worker.progress import ProgressReporter
from atelier_service.clock import FakeClock
from tests.support.nats import NatsServer
from tests.unit.jobs.test_states import NEW

RUNNING = replace(NEW, state=State.RUNNING, attempt=1, epoch=1, seq=2)


@asynccontextmanager
async def _reporting(server: NatsServer) -> AsyncIterator[tuple[ProgressReporter, asyncio.Queue[Event]]]:
    """A reporter, and what a listener hears of it."""
    heard: asyncio.Queue[Event] = asyncio.Queue()
    async with Bus.open(server.url, name="test") as bus, bus.subscribe("ephemeral.ada.job") as subscription:
        await bus.connection_after(0)
        reporter = ProgressReporter(BusProgress(bus, EventFactory(), FakeClock()), RUNNING)

        async def listen() -> None:
            async for message in subscription:
                heard.put_nowait(Event.FromString(message.data))

        tasks = [asyncio.create_task(reporter.run()), asyncio.create_task(listen())]
        yield reporter, heard
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _at(step: int) -> Progress:
    return Progress(stage="denoising", done=step, total=1000, unit="step", fraction=step / 1000)


def test_progress_goes_forward_within_a_stage_and_from_one_to_the_next() -> None:
    last_step = Progress(stage="denoising", done=8, total=8, fraction=0.9)
    first_frame = Progress(stage="encoding", done=0, total=4, fraction=0.9)
    later_frame = replace(first_frame, done=1, fraction=0.925)
    assert not first_frame.is_behind(last_step)
    assert not later_frame.is_behind(first_frame)
    assert not later_frame.is_behind(later_frame)
    assert last_step.is_behind(later_frame), "a stage that is over does not come back"
    assert first_frame.is_behind(later_frame)


def test_progress_of_unknown_length_goes_forward_by_its_units() -> None:
    five, six = Progress(stage="reading", done=5, unit="page"), Progress(stage="reading", done=6, unit="page")
    assert not six.is_behind(five)
    assert five.is_behind(six)


def _report(reporter: ProgressReporter, step: int, preview: bytes = b"") -> None:
    reporter.report(_at(step), eta_s=1.5, preview=preview, preview_content_type="image/jpeg")


async def test_of_a_thousand_reports_of_a_thread_some_and_the_last_are_published(
    nats_server: NatsServer,
) -> None:
    async with _reporting(nats_server) as (reporter, heard):

        def run() -> None:
            for step in range(1, 1001):
                _report(reporter, step)

        thread = threading.Thread(target=run)
        thread.start()
        steps: list[int] = []
        while not steps or steps[-1] != 1000:
            event = await asyncio.wait_for(heard.get(), 5)
            assert (event.seq, event.generation_progress.attempt) == (2, 1)
            assert event.generation_progress.progress.eta_s == 1.5
            steps.append(event.generation_progress.progress.done)
        thread.join()
        assert steps == sorted(steps)
        assert len(steps) < 20


async def test_a_late_step_is_not_published(nats_server: NatsServer) -> None:
    async with _reporting(nats_server) as (reporter, heard):
        _report(reporter, 5)
        _report(reporter, 3)
        assert (await asyncio.wait_for(heard.get(), 5)).generation_progress.progress.done == 5
        assert reporter.latest == _at(5)


async def test_a_preview_that_came_too_soon_is_replaced_by_a_later_one(nats_server: NatsServer) -> None:
    async with _reporting(nats_server) as (reporter, heard):
        _report(reporter, 1, b"first")
        assert (await asyncio.wait_for(heard.get(), 5)).generation_progress.preview == b"first"
        _report(reporter, 2, b"second")
        assert (await asyncio.wait_for(heard.get(), 5)).generation_progress.preview == b""
        _report(reporter, 3, b"third")
        event = await asyncio.wait_for(heard.get(), 5)
        step = 4
        while not event.generation_progress.preview:
            _report(reporter, step)
            step += 1
            event = await asyncio.wait_for(heard.get(), 5)
        assert event.generation_progress.preview == b"third"
