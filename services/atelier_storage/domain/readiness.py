"""Readiness of this service: the database and the blob store are both available."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from atelier_service.errors import UnavailableError
from atelier_storage.domain.ports import AssetIndex, BlobStore

_log = structlog.get_logger(__name__)

# S3 sends no notice of an outage, so it is polled: seldom while available, often while not.
_ASK_WELL_S = 10.0
_ASK_ILL_S = 0.5
# A check that takes longer counts as unavailable.
_PATIENCE_S = 5.0


class Readiness:
    """`ready` is set while the database and the blob store are available."""

    def __init__(self, asset_index: AssetIndex, blobs: BlobStore) -> None:
        self._asset_index = asset_index
        self._blobs = blobs
        self._known: bool | None = None
        self.ready = asyncio.Event()

    async def look(self) -> bool:
        """Checks both once, prepares the blob store if needed, and returns whether both are available."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._asset_index.check()
                await self._blobs.prepare()
        except (UnavailableError, TimeoutError) as error:
            if self._known is not False:
                _log.warning("not ready", error=repr(error))
            self.ready.clear()
            self._known = False
        else:
            if not self._known:
                _log.info("ready")
            self.ready.set()
            self._known = True
        return self._known

    async def watch(self, report: Callable[[bool], Awaitable[None]]) -> None:
        """Calls `report` with the state, now and at every change, until cancelled."""
        reported: bool | None = None
        while True:
            if self._known is not None and self._known != reported:
                await report(self._known)
                reported = self._known
            await asyncio.sleep(_ASK_WELL_S if self._known else _ASK_ILL_S)
            await self.look()
