"""Somebody who watches, and what waits for them."""

import asyncio

from atelier.events.v1 import events_pb2


class SlowWatcherError(Exception):
    """The watcher took events more slowly than they came; it may resume from its last cursor."""


class Watcher:
    """A bounded queue. When it is full the watcher is let go: it loses its stream, never an event without notice."""

    def __init__(self, backlog: int) -> None:
        self._queue: asyncio.Queue[events_pb2.Event] = asyncio.Queue(backlog)
        self._overflown = False

    def offer(self, event: events_pb2.Event) -> None:
        """Puts an event into the queue; live events without a cursor are dropped when it is full."""
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self._overflown = self._overflown or bool(event.cursor)

    async def next(self, timeout_s: float) -> events_pb2.Event | None:
        """The next event, or None after `timeout_s` of silence.

        Raises SlowWatcherError when a kept event did not fit and everything before it was taken.
        """
        if self._overflown and self._queue.empty():
            raise SlowWatcherError
        try:
            return await asyncio.wait_for(self._queue.get(), timeout_s)
        except TimeoutError:
            return None
