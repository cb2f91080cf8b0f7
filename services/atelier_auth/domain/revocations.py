"""Revocations: the stream of revoked keys, for services that must end what was opened with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass

import structlog

from atelier_auth.domain.ports import KeyStore
from atelier_service.clock import Clock
from atelier_service.errors import UnavailableError

logger = structlog.get_logger(__name__)

_OVERLAP_US = 60_000_000
"""The clocks of two replicas, and the time that a transaction takes, may move a revocation by this much."""

_SILENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Revoked:
    """The ids of keys; everything that was revoked before `until_us` has been sent."""

    key_ids: frozenset[str]
    until_us: int


class Revocations:
    """One look at the store every `every_s` seconds for all watchers of this replica, and one at once when a key is
    revoked here. While the store is unavailable nothing is sent; after a while of silence
    watchers regard keys as unconfirmed.
    """

    def __init__(
        self, store: KeyStore, clock: Clock, *, forget: Callable[[str], None], every_s: float, keep_s: float
    ) -> None:
        """`forget` drops a key from this replica's memory. `keep_s`: how long anything made from a key may live."""
        self._store = store
        self._clock = clock
        self._forget = forget
        self._every_s = every_s
        self._keep_us = int(keep_s * 1_000_000)
        self._wanted = asyncio.Event()
        self._seen: Mapping[str, int] = {}
        self._until_us = 0
        self._looked = asyncio.Event()

    def look(self) -> None:
        """Asks for a look now, since a key was revoked."""
        self._wanted.set()

    async def run(self) -> None:
        """Looks until it is cancelled."""
        while True:
            self._wanted.clear()
            try:
                await self._look()
            except UnavailableError as error:
                logger.warning("revoked keys cannot be read", reason=error.reason)
            try:
                async with asyncio.timeout(self._every_s):
                    await self._wanted.wait()
            except TimeoutError:
                pass

    async def _look(self) -> None:
        now_us = self._clock.now_us()
        seen = await self._store.revoked_since(now_us - _OVERLAP_US)
        for key_id in seen.keys() - self._seen.keys():
            self._forget(key_id)
        self._seen, self._until_us = seen, now_us
        looked, self._looked = self._looked, asyncio.Event()
        looked.set()

    async def watch(self, since_us: int | None) -> AsyncGenerator[Revoked, None]:
        """Those revoked since `since_us` (all that matter when None), then each once; a word every few seconds.

        Raises:
            UnavailableError: At the start. Later nothing is yielded while the store is unavailable.
        """
        now_us = self._clock.now_us()
        start_us = now_us - self._keep_us if since_us is None else since_us
        sent = frozenset(await self._store.revoked_since(start_us - _OVERLAP_US))
        yield Revoked(sent, now_us)
        loop = asyncio.get_running_loop()
        spoke_s = loop.time()
        while True:
            await self._looked.wait()
            seen = frozenset(self._seen)
            added, sent = seen - sent, seen
            if added or loop.time() - spoke_s >= _SILENCE_S:
                yield Revoked(added, self._until_us)
                spoke_s = loop.time()
