"""The relay: publishes committed outbox rows on the bus."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from atelier_jobs import metrics
from atelier_jobs.domain.outbox import Cleanup, Outbox, OutboxRow, Topic
from atelier_jobs.domain.wake_ups import WakeUps
from atelier_jobs.events.factory import EventFactory
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus, BusRefusedError, BusUnavailableError
from atelier_jobs.messaging.streams import Streams
from atelier_jobs.plane.event_publisher import EventPublisher
from atelier_service.errors import AtelierError, UnavailableError
from atelier_service.tasks import first_of, uninterrupted

logger = structlog.get_logger()

_TO_THE_BUS = (Topic.EVENT, Topic.HINT)
_BATCH = 256
_GATHER_S = 0.002  # the reply to a commit is sent first, and rows that are committed meanwhile join the batch
_MARK_S = 0.1  # far below the time after which another relay publishes a row
_MAX_BACKOFF_S = 5.0
_REFUSED_S = 5.0


@dataclass(frozen=True, slots=True)
class _Published:
    full: bool  # there may be more
    idle_s: float  # until there is something to do, unless something is written


class Relay:
    """Publishes outbox rows; any number of relays may run.

    Rows are published immediately after a commit of this process, when a delayed one is due, when the broker is
    available again, and every `tick_s` seconds for rows of other processes that are overdue.

    After the events of a commit come its wake-ups: no worker's event that a job is RUNNING is published before the one
    that it is QUEUED. A wake-up may be lost, since workers poll.
    """

    def __init__(
        self,
        outbox: Outbox,
        bus: Bus,
        streams: Streams,
        wake_ups: WakeUps,
        events: EventFactory,
        *,
        cleanup: Callable[[Cleanup], Awaitable[None]] | None = None,
        tick_s: float = 3.0,
        late_s: float = 300.0,
    ) -> None:
        """Creates the relay.

        Args:
            outbox: The rows.
            bus: Where they are published.
            streams: Created on each new connection when they are missing.
            wake_ups: Wake-ups of this process, to be published for workers.
            events: Makes the messages of domain events.
            cleanup: Removes files of a job; called again later when it raises an AtelierError. None leaves those rows
                to other relays.
            tick_s: Seconds between two looks for rows of other processes.
            late_s: Seconds after which each clean-up is repeated: an upload of a fenced attempt may end after it.
        """
        self._outbox = outbox
        self._bus = bus
        self._streams = streams
        self._wake_ups = wake_ups
        self._events = EventPublisher(bus, events)
        self._woken: set[str] = set()  # kinds of jobs whose workers are to be woken
        self._cleanup = cleanup
        self._tick_s = tick_s
        self._late_s = late_s
        self._connection = 0  # the last one on which the streams were ensured
        self._sent: set[int] = set()  # published, and not marked yet
        self._sent_since_s = 0.0

    async def run(self) -> None:
        """Publishes until it is cancelled; broker and database may be unavailable meanwhile."""
        self._bus.on_connect(self._outbox.written.set)
        with self._wake_ups.listening(self._note_work):
            await self._run()

    def _note_work(self, kind: str) -> None:
        self._woken.add(kind)
        self._outbox.written.set()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._publish_forever())
            if self._cleanup is not None:
                group.create_task(self._clean_forever(self._cleanup))

    async def flush(self) -> None:
        """Publishes all due rows, once. Raises BusUnavailableError."""
        while (await self._publish_due()).full:
            pass
        await self._mark()

    async def _publish_forever(self) -> None:
        failures = 0
        try:
            while True:
                self._outbox.written.clear()
                try:
                    published = await self._publish_due()
                    failures = 0
                    if not published.full:
                        await self._wait(self._outbox.written.wait(), published.idle_s)
                        await asyncio.sleep(_GATHER_S)
                except (BusUnavailableError, UnavailableError) as error:
                    failures += 1
                    self._connection = 0  # whatever the error is: the streams are ensured again
                    pause_s = min(_MAX_BACKOFF_S, 0.1 * 2**failures) * random.uniform(0.5, 1.0)  # noqa: S311
                    logger.info("relay waits", error=str(error), pause_s=round(pause_s, 2))
                    # A new connection ends the pause.
                    await self._wait(self._bus.connection_after(self._bus.connections), pause_s)
        finally:
            with contextlib.suppress(UnavailableError):  # then they are published again, and the broker drops them
                await self._mark()

    async def _wait(self, something: Awaitable[object], timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await something
        except TimeoutError:
            return

    async def _publish_due(self) -> _Published:
        """Publishes one batch, and the wake-ups that belong to it or to earlier ones."""
        woken, self._woken = self._woken, set()
        try:
            return await self._publish_batch()
        finally:
            for kind in woken:
                await self._bus.publish(subjects.work(kind), b"")

    async def _publish_batch(self) -> _Published:
        """Publishes one batch. A row that the broker took is not published again when another row fails."""
        if self._sent and (len(self._sent) >= _BATCH or time.monotonic() - self._sent_since_s >= _MARK_S):
            await self._mark()
        pending = await uninterrupted(self._outbox.pending(_TO_THE_BUS, _BATCH + len(self._sent), ahead_s=self._tick_s))
        rows = [row for row in pending.rows if row.id not in self._sent]
        if rows or self._connection != self._bus.connections:
            await self._ensure_streams()
            outcomes = await self._publish_all(rows)
            if not self._sent:
                self._sent_since_s = time.monotonic()
            self._sent.update(row.id for row, outcome in zip(rows, outcomes, strict=True) if outcome is None)
            for row, outcome in zip(rows, outcomes, strict=True):
                if isinstance(outcome, BusRefusedError):
                    # Delayed, so that it does not block the rows behind it.
                    await uninterrupted(self._outbox.postpone(row.id, _REFUSED_S))
            self._raise_first(rows, outcomes)
        waits_s = (self._tick_s, pending.next_due_in_s or self._tick_s, _MARK_S if self._sent else self._tick_s)
        return _Published(full=len(rows) >= _BATCH, idle_s=min(waits_s))

    async def _mark(self) -> None:
        """Marks published rows as sent, many in one commit rather than each by itself."""
        if self._sent:
            sent = list(self._sent)
            await uninterrupted(self._outbox.mark_sent(sent))
            self._sent.difference_update(sent)

    async def _publish_all(self, rows: Sequence[OutboxRow]) -> Sequence[BaseException | None]:
        """Publishes rows concurrently: there is one connection, so they arrive in order.

        Replies of a lost connection are not awaited: the rows are published again, and the broker drops duplicates.
        """

        async def publish() -> list[BaseException | None]:
            return await asyncio.gather(*map(self._publish, rows), return_exceptions=True)

        later_connection = self._bus.connection_after(self._connection)
        async with first_of(publish(), later_connection) as (publishing, _):
            if publishing.done():
                return publishing.result()
        raise BusUnavailableError("the connection was lost")

    def _raise_first(self, rows: Sequence[OutboxRow], outcomes: Sequence[BaseException | None]) -> None:
        for row, outcome in zip(rows, outcomes, strict=True):
            if outcome is None:
                metrics.PUBLISHED.labels(topic=row.topic.value).inc()
            else:
                metrics.PUBLISH_FAILED.labels(topic=row.topic.value).inc()
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _ensure_streams(self) -> None:
        if not self._bus.connected:
            raise BusUnavailableError("not connected")
        connection = self._bus.connections
        if connection == self._connection:
            return
        await self._streams.ensure(self._bus)
        self._connection = connection

    async def _publish(self, row: OutboxRow) -> None:
        if row.topic is Topic.HINT:
            await self._bus.publish(row.subject, row.payload)
            return
        await self._events.publish(row)

    async def _clean_forever(self, cleanup: Callable[[Cleanup], Awaitable[None]]) -> None:
        while True:
            self._outbox.cleanup_written.clear()
            try:
                await self._clean_due(cleanup)
            except UnavailableError as error:
                logger.info("clean-up waits", error=str(error))
            await self._wait(self._outbox.cleanup_written.wait(), self._tick_s)

    async def _clean_due(self, cleanup: Callable[[Cleanup], Awaitable[None]]) -> None:
        for row in (await uninterrupted(self._outbox.pending((Topic.CLEANUP,), _BATCH))).rows:
            what = await uninterrupted(self._outbox.cleanup_of(row))
            try:
                if what is not None:
                    await cleanup(what)
            except AtelierError as error:
                logger.warning("files of a job not removed yet", job_id=row.job_id, reason=error.reason)
                await uninterrupted(self._outbox.postpone(row.id, 30.0))
            else:
                if what is not None and not row.is_repeat:
                    await uninterrupted(self._outbox.schedule_repeat(row.id, self._late_s))
                    continue
                await uninterrupted(self._outbox.mark_sent([row.id]))
                metrics.PUBLISHED.labels(topic=row.topic.value).inc()
