"""Revocations: the stream of revoked keys, for services that must end streams opened with them."""

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
"""How much later a revocation may become visible, because of clock skew between replicas and slow transactions."""

_SILENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Revoked:
    """Ids of revoked keys. All keys revoked before `until_us` have been sent, with this message or before."""

    key_ids: frozenset[str]
    until_us: int


class Revocations:
    """Reads the store every `every_s` seconds for all watchers of this replica, and at once when a key is revoked here.

    While the store is unavailable nothing is sent, and after some time watchers regard keys as unconfirmed.
    """

    def __init__(
        self, store: KeyStore, clock: Clock, *, forget: Callable[[str], None], every_s: float, keep_s: float
    ) -> None:
        """Creates the stream.

        Args:
            store: The keys.
            clock: The time.
            forget: Removes a key from this replica's cache.
            every_s: Seconds between two reads of the store.
            keep_s: The longest validity, in seconds, of a token or URL made from a key.
        """
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
        """Requests a read of the store at once, since a key was revoked."""
        self._wanted.set()

    async def run(self) -> None:
        """Reads the store periodically until it is cancelled."""
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
        """Yields revoked keys: first those since `since_us`, then each new one once, and an empty message when idle.

        Args:
            since_us: Microseconds since the epoch; None: all keys from which a token or URL may still be valid.

        Raises:
            UnavailableError: Only for the first message. Later nothing is yielded while the store is unavailable.
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
