"""Processes of a service in one: stores, bus, relay, reconciler, and a worker with a handler of the test's own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from atelier_jobs.domain.job import Job
from atelier_jobs.domain.outbox import Cleanup
from atelier_jobs.domain.outcome import Outcome
from atelier_jobs.domain.progress import Progress
from atelier_jobs.events.bus_progress import BusProgress
from atelier_jobs.events.factory import EventFactory
from atelier_jobs.messaging.bus import Bus
from atelier_jobs.messaging.streams import Streams
from atelier_jobs.messaging.work_signals import BusWorkSignals
from atelier_jobs.plane.reconciler import Reconciler
from atelier_jobs.plane.relay import Relay
from atelier_jobs.worker.attempt import Attempt
from atelier_jobs.worker.worker import Capacity, Worker, WorkerOptions
from tests.ports.jobs.plane import Plane, open_plane


@dataclass(frozen=True)
class Process:
    """One process that takes part."""

    plane: Plane
    bus: Bus
    relay: Relay
    cleanups: list[Cleanup]


@asynccontextmanager
async def open_process(
    database_url: str,
    nats_url: str,
    *,
    origin: str = "api",
    reconciles: bool = True,
    cleans: bool = False,
    late_s: float = 300.0,
    events: EventFactory | None = None,
) -> AsyncIterator[Process]:
    """A process with a relay and, unless told otherwise, a reconciler that looks often."""
    cleanups: list[Cleanup] = []

    async def clean(cleanup: Cleanup) -> None:
        cleanups.append(cleanup)

    async with open_plane(database_url, origin=origin, events=events) as plane, Bus.open(nats_url, name=origin) as bus:
        relay = Relay(
            plane.outbox, bus, Streams(), plane.database.wake_ups, plane.events, cleanup=clean if cleans else None,
            tick_s=0.5, late_s=late_s,
        )  # fmt: skip
        tasks = [asyncio.create_task(relay.run())]
        if reconciles:
            tasks.append(asyncio.create_task(Reconciler(plane.upkeep, tick_s=0.1, retry_delay_s=0.05).run()))
        try:
            yield Process(plane, bus, relay, cleanups)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


Behaviour = Callable[[Job, Attempt], Awaitable[bytes]]


class ScriptedHandler:
    """Runs what the test says, and keeps note of what ran."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self.ran: list[tuple[str, int]] = []

    async def run(self, job: Job, attempt: Attempt) -> Outcome:
        """See Handler.run."""
        self.ran.append((job.id, attempt.epoch))
        return Outcome(await self._behaviour(job, attempt))


def steps_done(step: int, steps: int) -> Progress:
    """What a handler reports that does nothing but steps."""
    return Progress(stage="drawing", done=step, total=steps, unit="step", fraction=step / steps)


async def make_result(job: Job, attempt: Attempt) -> bytes:
    """What a good handler answers."""
    return b"made of " + job.spec


@asynccontextmanager
async def open_worker(
    process: Process,
    behaviour: Behaviour = make_result,
    *,
    worker_id: str = "w1",
    capacity: int = 2,
    poll_s: float = 5.0,
    lease_s: float = 5.0,
    grace_s: float = 5.0,
    attempt_timeout_s: float = 0.0,
) -> AsyncIterator[tuple[Worker, ScriptedHandler]]:
    """A worker that runs until the end of the block, and then winds up."""
    handler = ScriptedHandler(behaviour)
    settings = WorkerOptions(
        kind="image", worker_id=worker_id, lease_s=lease_s, poll_s=poll_s, grace_s=grace_s, stop_s=1.0,
        attempt_timeout_s=attempt_timeout_s, retry_delay_s=0.05,
    )  # fmt: skip
    signals = BusWorkSignals(process.bus, "image", process.plane.database.wake_ups)
    worker = Worker(
        process.plane.claims, signals, BusProgress(process.bus, process.plane.events), handler, settings,
        lambda: Capacity(jobs=capacity),
    )  # fmt: skip
    stopping = asyncio.Event()
    running = asyncio.create_task(worker.run(stopping))
    try:
        yield worker, handler
    finally:
        stopping.set()
        await running
