"""Wake-ups: signals within one process that jobs of a kind are claimable now, or soon."""

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_GRID_S = 0.1  # jobs that become due together wake once, and never before they are due


class WakeUps:
    """Calls listeners after the commit of a claimable job, and when a delayed one becomes due.

    Nothing of this is stored: the jobs whose wake-ups are lost with a process are found by the workers' polling.
    """

    def __init__(self) -> None:
        self._listeners: list[Callable[[str], None]] = []
        self._timers: set[tuple[str, int]] = set()

    @contextmanager
    def listening(self, listener: Callable[[str], None]) -> Iterator[None]:
        """Calls `listener` with the kind of job, in the event loop, while the context is open."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def claimable(self, kind: str, in_s: float = 0.0) -> None:
        """Signals a committed job of `kind`, now or when it is due in `in_s` seconds. Call it in the event loop."""
        if in_s <= 0:
            self._wake(kind)
            return
        loop = asyncio.get_running_loop()
        due = math.ceil((loop.time() + in_s) / _GRID_S) + 1
        if (kind, due) not in self._timers:
            self._timers.add((kind, due))
            loop.call_at(due * _GRID_S, self._due, kind, due)

    def _due(self, kind: str, due: int) -> None:
        self._timers.discard((kind, due))
        self._wake(kind)

    def _wake(self, kind: str) -> None:
        for listener in tuple(self._listeners):
            listener(kind)
