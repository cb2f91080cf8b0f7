"""One reader of the event stream for all watchers of this process, and a replay for each who asks."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator

import nats.errors
import nats.js.errors
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from atelier.events.v1 import events_pb2
from atelier_events.ephemeral import EphemeralEvents
from atelier_events.watcher import Watcher
from atelier_jobs.events.pace import Pace
from atelier_jobs.events.shared_event import SharedEvent
from atelier_jobs.events.waking import wake_in_turns
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus, BusUnavailableError
from atelier_jobs.messaging.streams import Streams
from atelier_service.errors import OutOfRangeError, UnavailableError
from atelier_service.process import heed_cancellation
from atelier_service.tasks import first_of

_log = structlog.get_logger(__name__)

# After so long without an event, a look whether there would be any.
_QUIET_S = 10.0
_TRY_AGAIN_S = 0.5
_BROKER_ERRORS = (nats.errors.Error, nats.js.errors.Error, BusUnavailableError, OSError, TimeoutError)


class _GapError(Exception):
    """The client dropped what came faster than it was read: read again from the last one that was."""


class EventFeed:
    """Hands what is published on the bus to the watchers that it concerns.

    Durable events (stream EVENTS) are read once per process, by an ephemeral consumer that is made anew, from the last
    sequence read, on every new connection to the broker; ephemeral ones (progress, previews) come over core NATS, and
    go out at the `pace` that the number of watchers allows. `backlog`: durable events that may wait for one watcher.
    """

    def __init__(self, bus: Bus, streams: Streams, pace: Pace, backlog: int) -> None:
        self._bus = bus
        self._streams = streams
        self._backlog = backlog
        self._ephemeral = EphemeralEvents(pace, self._hand_out)
        self._watchers: defaultdict[str, set[Watcher]] = defaultdict(set)
        self._last: int | None = None
        self._reading = asyncio.Event()

    async def run(self) -> None:
        """Reads until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_ephemeral())
            group.create_task(self._read_durable())

    async def _read_ephemeral(self) -> None:
        try:
            async with self._bus.subscribe(f"{subjects.EPHEMERAL}.>", capacity=4096) as messages:
                async for message in messages:
                    owner = message.subject.split(".", 2)[1]
                    if owner in self._watchers:
                        self._ephemeral.offer(owner, events_pb2.Event.FromString(message.data))
        finally:
            self._ephemeral.close()

    async def _read_durable(self) -> None:
        seen = 0
        while True:
            number = await self._bus.connection_after(seen)
            async with first_of(self._read_connection(), self._bus.connection_after(number)) as (reading, renewed):
                if renewed.done():
                    seen = number
                    continue
                _log.warning("the event stream cannot be read; trying again", error=str(reading.exception()))
                await asyncio.sleep(_TRY_AGAIN_S)

    async def _read_connection(self) -> None:
        await self._streams.ensure(self._bus)
        jetstream = self._bus.jetstream
        if self._last is None:
            self._last = (await jetstream.stream_info(subjects.EVENTS_STREAM)).state.last_seq
            self._reading.set()
        config = _consumer(self._last + 1, ["events.>"], 2 * _QUIET_S)
        reader = await jetstream.subscribe("events.>", stream=subjects.EVENTS_STREAM, config=config)
        try:
            read = 0
            while True:
                try:
                    message = await reader.next_msg(timeout=_QUIET_S)
                except nats.errors.TimeoutError:
                    heed_cancellation()
                    # Fails when stream or consumer were removed.
                    delivered = (await reader.consumer_info()).delivered
                    if delivered is not None and delivered.consumer_seq > read and not reader.pending_msgs:
                        raise _GapError("the last messages of the event stream were dropped") from None
                    continue
                heed_cancellation()
                read += 1
                if message.metadata.sequence.consumer != read:
                    raise _GapError("messages of the event stream were dropped")
                self._on_durable(message)
        finally:
            # Or the broker would go on sending, also after the next connection.
            with contextlib.suppress(*_BROKER_ERRORS):
                await reader.unsubscribe()

    def _on_durable(self, message: Msg) -> None:
        self._last = message.metadata.sequence.stream
        owner = message.subject.split(".", 2)[1]
        if owner not in self._watchers and owner != subjects.EVERYBODY:
            return
        event = _event(message.data, str(self._last))
        self._ephemeral.forget(owner, event.job_id)
        self._hand_out(owner, SharedEvent(event, event.cursor))

    def _hand_out(self, owner: str, shared: SharedEvent) -> int:
        """Offers an event to all watchers of `owner` (a token of a subject). Returns how many took it."""
        if owner == subjects.EVERYBODY:
            return _offer(shared, (watcher for watchers in self._watchers.values() for watcher in watchers))
        return _offer(shared, self._watchers.get(owner, ()))

    async def until_reading(self, timeout_s: float) -> str:
        """Waits until every durable event from now on will be handed out, also those of a broker that fails later.

        Returns the cursor after which they come. Raises UnavailableError after `timeout_s`.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._reading.wait()
        except TimeoutError:
            raise UnavailableError("BROKER_UNAVAILABLE", "events cannot be followed now", retry_after_s=1) from None
        return str(self._last)

    def broadcast(self, event: events_pb2.Event) -> None:
        """Gives an event of this process's own making to every watcher."""
        self._hand_out(subjects.EVERYBODY, SharedEvent(event))

    @contextlib.contextmanager
    def watching(self, owner: str, wants: Callable[[events_pb2.Event], bool]) -> Iterator[Watcher]:
        """A watcher of those of `owner`'s events (a user id) that it `wants`, fed while the context is open."""
        watcher = Watcher(self._backlog, wants)
        token = subjects.token(owner)
        self._watchers[token].add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[token].discard(watcher)
            if not self._watchers[token]:
                del self._watchers[token]

    async def replay(self, owner: str, after: int) -> AsyncGenerator[SharedEvent, None]:
        """The durable events of `owner` after stream sequence `after`, up to now. To be closed by the reader.

        Raises OutOfRangeError when some of them are gone, UnavailableError when the broker is unavailable.
        """
        try:
            await self._streams.ensure(self._bus)
            jetstream = self._bus.jetstream
            state = (await jetstream.stream_info(subjects.EVENTS_STREAM)).state
            if after > state.last_seq or after + 1 < state.first_seq:
                raise OutOfRangeError(
                    "CURSOR_EXPIRED", "events after this cursor are no longer stored; start without one"
                )
            filters = [subjects.events_of(owner), subjects.events_of(subjects.EVERYBODY)]
            config = _consumer(after + 1, filters, 30.0)
            consumer = await jetstream.pull_subscribe("", stream=subjects.EVENTS_STREAM, config=config)
            info = await consumer.consumer_info()
            try:
                pending = info.num_pending or 0
                while pending:
                    for message in await consumer.fetch(min(pending, 256), timeout=5.0):
                        pending = message.metadata.num_pending or 0
                        event = _event(message.data, str(message.metadata.sequence.stream))
                        yield SharedEvent(event, event.cursor)
            finally:
                # Also when the caller leaves in between, or the connection would hold the subscription for ever.
                with contextlib.suppress(*_BROKER_ERRORS):
                    await consumer.unsubscribe()
                    await jetstream.delete_consumer(subjects.EVENTS_STREAM, info.name)
        except _BROKER_ERRORS as error:
            raise UnavailableError("BROKER_UNAVAILABLE", "events cannot be replayed now", retry_after_s=1) from error


def _offer(shared: SharedEvent, watchers: Iterable[Watcher]) -> int:
    took = [watcher for watcher in watchers if watcher.offer(shared)]
    wake_in_turns([watcher.waiter for watcher in took if watcher.waiter is not None])
    return len(took)


def _consumer(start: int, filters: list[str], inactive_s: float) -> ConsumerConfig:
    """An ephemeral consumer of the event stream, from stream sequence `start` on."""
    return ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=start,
        ack_policy=AckPolicy.NONE,
        filter_subjects=filters,
        inactive_threshold=inactive_s,
        mem_storage=True,
    )


def _event(data: bytes, cursor: str) -> events_pb2.Event:
    event = events_pb2.Event.FromString(data)
    event.cursor = cursor
    return event
