"""Work signals over NATS: the adapter of WorkSignals in a process that has the bus and the database."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from atelier_jobs.domain.wake_ups import WakeUps
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus, Subscription


class BusWorkSignals:
    """WorkSignals of one kind of jobs: from the bus, and, without a broker, from commits of this process."""

    def __init__(self, bus: Bus, kind: str, wake_ups: WakeUps) -> None:
        self._bus = bus
        self._kind = kind
        self._wake_ups = wake_ups

    @asynccontextmanager
    async def listen(self, *, on_work: Callable[[], None], on_change: Callable[[str], None]) -> AsyncIterator[None]:
        """See WorkSignals.listen."""

        def woken(kind: str) -> None:
            if kind == self._kind:
                on_work()

        async with (
            self._bus.subscribe(subjects.work(self._kind)) as work,
            self._bus.subscribe(subjects.cancel_hints(self._kind)) as hints,
        ):
            tasks = (
                asyncio.create_task(_each_wake_up(work, on_work)),
                asyncio.create_task(_each_hint(hints, on_change)),
            )
            try:
                with self._wake_ups.listening(woken):
                    yield
            finally:
                for task in tasks:
                    task.cancel()
                for task in tasks:
                    with contextlib.suppress(asyncio.CancelledError):
                        await task


async def _each_wake_up(work: Subscription, on_work: Callable[[], None]) -> None:
    while True:
        await work.next()  # None: signals may have been missed, which counts as one
        on_work()


async def _each_hint(hints: Subscription, on_change: Callable[[str], None]) -> None:
    async for message in hints:
        on_change(message.data.decode(errors="replace"))
