"""The library: storing, finding and removing assets so that no row is ever without its bytes.

Bytes go to S3 first and the row to SQL second; the row leaves first and the bytes second. A crash between the two
leaves bytes without a row, never a row without bytes; `Sweep` takes those away. Blob keys are never used twice
(`Blob.key`), so an upload and a deletion of the same content need no lock that spans SQL and S3.
"""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from dataclasses import replace

import structlog

from atelier_service.clock import Clock
from atelier_service.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError, UnavailableError
from atelier_storage.domain.asset import Asset, Blob, Origin, Source, blob_key
from atelier_storage.domain.intake import receive
from atelier_storage.domain.limits import Limits
from atelier_storage.domain.ports import AssetIndex, BlobStore, Draft, Spool, Spooled

_log = structlog.get_logger(__name__)


def _every_asset(_asset: Asset) -> bool:
    return True


class Library:
    """Assets of all owners; who may ask for what is decided by the owner that each call names."""

    def __init__(
        self,
        asset_index: AssetIndex,
        blobs: BlobStore,
        spool: Spool,
        limits: Limits,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._asset_index = asset_index
        self._blobs = blobs
        self._spool = spool
        self._limits = limits
        self._clock = clock
        self._new_id = new_id

    async def store(self, origin: Origin, chunks: AsyncIterator[bytes]) -> Asset:
        """Stores a file; equal content of one owner is stored once, under as many assets as there were uploads.

        Raises InvalidArgumentError and ResourceExhaustedError as `receive` does, and AlreadyExistsError when the
        write-once key holds another content.
        """
        # A GIF that a job made is a clip like any other; only a stranger's may be small and decode to gigabytes.
        limits = replace(self._limits, count_frames=origin.source is Source.UPLOAD)
        async with self._spool.open() as spooled:
            content_type, extent = await receive(chunks, spooled, limits)
            draft = Draft(self._new_id(), origin, self._clock.now_us())
            key = blob_key(origin.owner, spooled.sha256, secrets.token_hex(4))
            size = (spooled.size_bytes, content_type, extent.width_px, extent.height_px)
            asset = await self._add(draft, Blob(key, origin.owner, spooled.sha256, *size), spooled)
        if asset.blob.sha256 != spooled.sha256:
            raise AlreadyExistsError("WRITE_ONCE_KEY_TAKEN", "another content is stored under this write_once_key")
        return asset

    async def _add(self, draft: Draft, blob: Blob, spooled: Spooled) -> Asset:
        """The asset of `draft`, or the one that holds its write-once key."""
        asset = await self._asset_index.add_sharing(draft, blob.sha256)
        if asset is None:
            await self._blobs.put(blob.key, spooled.file, blob.size_bytes, blob.content_type.value)
            asset = await self._asset_index.add(draft, blob)
            if asset.blob.key != blob.key:
                await self._discard([blob.key])
        return asset

    async def find(self, owner: str, asset_id: str, *, visible: Callable[[Asset], bool] = _every_asset) -> Asset:
        """The owner's asset, among those that the caller's credential makes `visible`.

        Raises NotFoundError, also for another owner's and for one that is not visible.
        """
        asset = await self._asset_index.find(owner, asset_id)
        if asset is None or not visible(asset):
            raise _not_found()
        return asset

    def read(self, blob: Blob, offset: int, length: int) -> AsyncGenerator[bytes, None]:
        """Streams a part of the bytes; raises BlobMissingError when the asset was removed in between."""
        return self._blobs.read(blob.key, offset, length)

    async def page(
        self, owner: str, source: Source | None, before: tuple[int, str] | None, limit: int
    ) -> Sequence[Asset]:
        """Up to `limit` assets of the owner, newest first, from after `before` = (create_time_us, id) on."""
        return await self._asset_index.page(owner, source, before, limit)

    async def remove(self, owner: str, asset_id: str) -> None:
        """Removes an asset, and its bytes when they were its alone.

        What a job made goes with the job: others may refer to it. Raises NotFoundError and FailedPreconditionError.
        """
        asset = await self.find(owner, asset_id)
        if asset.origin.job_id:
            raise FailedPreconditionError(
                "ASSET_IN_USE",
                "this file is the result of a job and goes with it: delete that",
                metadata={"job_id": asset.origin.job_id},
                http_status=409,
            )
        removed = await self._asset_index.remove(owner, asset_id)
        if not removed.count:
            raise _not_found()
        await self._discard(removed.freed_keys)

    async def remove_job(self, owner: str | None, job_id: str, keep_epoch: int, up_to_epoch: int = 0) -> int:
        """Removes what a job stored but for one epoch (0: all of it), and returns the number of assets.

        `up_to_epoch` (0: none) leaves later epochs alone, which may be at work.
        """
        removed = await self._asset_index.remove_job(owner, job_id, keep_epoch, up_to_epoch)
        await self._discard(removed.freed_keys)
        return removed.count

    async def _discard(self, keys: Collection[str]) -> None:
        """Deletes bytes that have no row any more; when S3 is unavailable they wait for the sweep."""
        try:
            await self._blobs.delete(keys)
        except UnavailableError:
            _log.warning("blobs left to the sweep", count=len(keys))


def _not_found() -> NotFoundError:
    return NotFoundError("ASSET_NOT_FOUND", "no such asset")
