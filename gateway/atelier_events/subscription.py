"""What one subscriber sees: first what it missed, then what happens, and a heartbeat when nothing does."""

import time
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing

from google.protobuf.timestamp_pb2 import Timestamp

from atelier.events.v1 import events_pb2
from atelier_events.feed import EventFeed
from atelier_events.watcher import SlowWatcherError
from atelier_jobs.events.shared_event import SharedEvent
from atelier_service.errors import AbortedError, InvalidArgumentError
from atelier_service.stream_slots import StreamSlots

HEARTBEAT = "heartbeat"
# How long a subscriber waits for a broker that was never there since this process began.
_BROKER_DEADLINE_S = 5.0


class Subscriptions:
    """Makes subscriptions; one per stream or socket."""

    def __init__(self, feed: EventFeed, slots: StreamSlots, heartbeat_s: float) -> None:
        self._feed = feed
        self._slots = slots
        self._heartbeat_s = heartbeat_s

    def check(self, owner: str) -> None:
        """Raises ResourceExhaustedError when `owner` has too many streams to begin another one."""
        self._slots.check(owner)

    async def follow(
        self, owner: str, after: str = "", types: Collection[str] = (), job_id: str = ""
    ) -> AsyncGenerator[SharedEvent, None]:
        """Events of `owner` after cursor `after` (or from now on), of these types (or all), of this job (or all).

        Nothing is missed or repeated between the replay and what happens now: the watcher listens before the replay
        begins, and durable events carry a growing cursor. The first message is a heartbeat, so that a subscriber knows
        from when on it sees everything.
        Raises InvalidArgumentError, OutOfRangeError (cursor too old), UnavailableError, AbortedError (too slow),
        ResourceExhaustedError (too many streams of `owner`).
        """
        types = frozenset(types)

        def wants(event: events_pb2.Event) -> bool:
            return (not types or event.type in types) and (not job_id or event.job_id == job_id)

        with self._slots.take(owner), self._feed.watching(owner, wants) as watcher:
            now = await self._feed.until_reading(_BROKER_DEADLINE_S)
            last = _cursor(after)
            async with aclosing(self._feed.replay(owner, last) if last is not None else _nothing()) as missed:
                # The first step of a replay raises what is wrong with the cursor, before anything was sent.
                shared = await anext(missed, None)
                # With a cursor, so that who loses the stream before the first event can resume all the same.
                yield _heartbeat(after or now)
                while shared is not None:
                    last = int(shared.event.cursor)
                    if wants(shared.event):
                        yield shared
                    shared = await anext(missed, None)
            sent_s = time.monotonic()
            while True:
                try:
                    delivered = await watcher.next(max(0.0, sent_s + self._heartbeat_s - time.monotonic()))
                except SlowWatcherError:
                    text = "events came faster than they were read; subscribe again after the last cursor"
                    raise AbortedError("SLOW_WATCHER", text) from None
                if delivered is None:
                    yield _heartbeat()
                    sent_s = time.monotonic()
                    continue
                if cursor := delivered.event.cursor:
                    if last is not None and int(cursor) <= last:
                        continue
                    last = int(cursor)
                yield delivered
                sent_s = time.monotonic()


async def _nothing() -> AsyncGenerator[SharedEvent, None]:
    return
    yield  # what makes it a generator


def _cursor(after: str) -> int | None:
    if not after:
        return None
    if not after.isascii() or not after.isdigit() or len(after) > 19:
        raise InvalidArgumentError.of_field("after", "is not a cursor that an event gave")
    return int(after)


def _heartbeat(cursor: str = "") -> SharedEvent:
    now = Timestamp()
    now.GetCurrentTime()
    event = events_pb2.Event(type=HEARTBEAT, cursor=cursor, time=now, heartbeat=events_pb2.Heartbeat())
    return SharedEvent(event, cursor)
