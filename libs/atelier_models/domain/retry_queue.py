"""A queue that delivers its items in order, and retries each until it is accepted."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog

from atelier_service.errors import UnavailableError

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_MAX_WAITING = 1000
_MAX_PAUSE_S = 5.0


class RetryQueue(Generic[T]):
    """Delivers the oldest item first; beyond a thousand the oldest are dropped."""

    def __init__(self) -> None:
        self._waiting: deque[T] = deque(maxlen=_MAX_WAITING)
        self._filled = asyncio.Event()

    def add(self, item: T) -> None:
        """Appends an item."""
        self._waiting.append(item)
        self._filled.set()

    async def deliver_to(self, take: Callable[[T], Awaitable[None]]) -> None:
        """Calls `take` for each item, until it is cancelled.

        Args:
            take: Accepts one item; called with the same one again, after a pause, when it raises UnavailableError.
        """
        pause_s = 0.1
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._waiting:
                item = self._waiting[0]
                try:
                    await take(item)
                except UnavailableError as error:
                    _log.info("a report on models waits", reason=error.reason)
                    await asyncio.sleep(pause_s)
                    pause_s = min(_MAX_PAUSE_S, pause_s * 2)
                else:
                    if self._waiting and self._waiting[0] is item:  # and not dropped meanwhile
                        self._waiting.popleft()
                    pause_s = 0.1
