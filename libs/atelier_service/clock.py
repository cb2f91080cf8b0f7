"""Clocks: the current time as an injected dependency."""

import time
from typing import Protocol


class Clock(Protocol):
    """A source of the current time."""

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC."""
        return time.time_ns() // 1000


class FakeClock:
    """A clock for tests, which changes only by `advance`."""

    def __init__(self, now_us: int = 1_700_000_000_000_000) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC."""
        return self._now_us

    def advance(self, seconds: float) -> None:
        """Moves the time forward by `seconds`."""
        self._now_us += int(seconds * 1e6)
