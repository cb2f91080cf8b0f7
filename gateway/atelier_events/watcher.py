"""A watcher: a subscriber's queue of events."""

import asyncio
from collections import deque
from collections.abc import Callable

from atelier.events.v1 import events_pb2
from atelier_jobs.events.shared_event import SharedEvent


class SlowWatcherError(Exception):
    """The watcher took events more slowly than they came; it may resume from its last cursor."""


class Watcher:
    """Events that wait to be sent: durable ones in order, and of ephemeral ones the newest of each job.

    At most `backlog` durable events wait. When one does not fit, it and all later ones are left out, so that no cursor
    passes it, and the stream ends once those before it were taken.
    """

    def __init__(self, backlog: int, wants: Callable[[events_pb2.Event], bool]) -> None:
        self._backlog = backlog
        self._wants = wants
        self._durable: deque[SharedEvent] = deque()
        self._ephemeral: dict[tuple[str, str], SharedEvent] = {}
        self._overflown = False
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, shared: SharedEvent) -> bool:
        """Takes an event in, if the watcher wants it. Whoever offers wakes the watcher, see `waiter`."""
        event = shared.event
        if self._overflown or not self._wants(event):
            return False
        if not event.cursor:
            self._ephemeral[event.type, event.job_id] = shared
            return True
        self._ephemeral.pop((event.type, event.job_id), None)  # it was before this
        if len(self._durable) < self._backlog:
            self._durable.append(shared)
        else:
            self._overflown = True
        return True

    @property
    def waiter(self) -> "asyncio.Future[None] | None":
        """What the watcher waits for, if it does."""
        return self._waiter

    async def next(self, timeout_s: float) -> SharedEvent | None:
        """The next event, or None after `timeout_s` of silence.

        Raises SlowWatcherError when a durable event did not fit and everything before it was taken.
        """
        if not self._durable and not self._ephemeral and not self._overflown:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._waiter
            except TimeoutError:
                return None
            finally:
                self._waiter = None
        if self._durable:
            return self._durable.popleft()
        if self._overflown:
            raise SlowWatcherError
        return self._ephemeral.pop(next(iter(self._ephemeral)))
