"""Last use of API keys: recorded to the minute, written outside of requests."""

from __future__ import annotations

import asyncio

import structlog

from atelier_auth.domain.ports import KeyStore
from atelier_service.clock import Clock
from atelier_service.errors import UnavailableError

logger = structlog.get_logger(__name__)

_MINUTE_US = 60_000_000


class LastUse:
    """Collects uses in memory and writes them together: one row per key and minute, one transaction per `collect_s`.

    Uses of the last `collect_s` seconds are lost when the process is killed, in return for requests without a write.
    """

    def __init__(self, store: KeyStore, clock: Clock, *, collect_s: float) -> None:
        self._store = store
        self._clock = clock
        self._collect_s = collect_s
        self._minute_us = 0
        self._seen: set[str] = set()
        self._pending: dict[str, int] = {}
        self._wake = asyncio.Event()

    def note(self, key_id: str) -> None:
        """Records a use at this time; only a set lookup when the key was already used in this minute."""
        minute_us = self._clock.now_us() // _MINUTE_US * _MINUTE_US
        if minute_us != self._minute_us:
            self._minute_us = minute_us
            self._seen.clear()
        if key_id in self._seen:
            return
        self._seen.add(key_id)
        self._pending[key_id] = minute_us
        self._wake.set()

    async def run(self) -> None:
        """Writes pending uses until cancelled; waits while there are none."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._collect_s)
            await self.flush()

    async def flush(self) -> None:
        """Writes the pending uses. While the database is unavailable they stay pending until the next flush."""
        self._wake.clear()
        uses, self._pending = self._pending, {}
        if not uses:
            return
        try:
            await self._store.record_uses(uses)
        except UnavailableError as error:
            logger.warning("last uses of keys not written yet", reason=error.reason, keys=len(uses))
            self._pending = uses | self._pending
            self._wake.set()
