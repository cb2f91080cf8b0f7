"""Sweep: removes old blobs without a row, which a crash between S3 and SQL leaves."""

import asyncio

import structlog

from atelier_service.clock import Clock
from atelier_service.errors import UnavailableError
from atelier_storage.domain.ports import AssetIndex, BlobStore

_log = structlog.get_logger(__name__)

# Seconds until a sweep is repeated after the store was unavailable.
_AGAIN_S = 30.0


class Sweep:
    """Removes blobs to which no asset refers. Blobs younger than `min_age_s` stay: their row may not be written yet."""

    def __init__(self, asset_index: AssetIndex, blobs: BlobStore, clock: Clock, min_age_s: float) -> None:
        self._asset_index = asset_index
        self._blobs = blobs
        self._clock = clock
        self._min_age_s = min_age_s

    async def run(self) -> int:
        """Lists the whole store once and returns the number of removed blobs."""
        removed = 0
        async for keys in self._blobs.older_than(self._clock.now_us() - int(self._min_age_s * 1e6)):
            orphans = set(keys) - await self._asset_index.known(keys)
            await self._blobs.delete(orphans)
            removed += len(orphans)
        return removed

    async def keep(self, interval_s: float, ready: asyncio.Event) -> None:
        """Sweeps every `interval_s` seconds, only while `ready` is set, until it is cancelled."""
        while True:
            await ready.wait()
            try:
                removed = await self.run()
                _log.info("swept", removed=removed)
                await asyncio.sleep(interval_s)
            except UnavailableError as error:
                _log.info("sweep put off", reason=error.reason)
                await asyncio.sleep(min(interval_s, _AGAIN_S))
