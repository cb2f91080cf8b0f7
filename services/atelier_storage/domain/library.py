"""Library: stores, finds and removes assets; every row has its bytes.

Storing writes the bytes to S3 first and the row to SQL second; removing deletes the row first and the bytes second. A
crash in between leaves bytes without a row, which `Sweep` removes, and never a row without bytes. Blob keys are never
reused (`Blob.key`), so an upload and a deletion of the same content need no lock across SQL and S3.
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
    """Assets of all owners. Each call names an owner, and reads or changes only assets of that owner."""

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
        """Stores a file. Equal content of one owner is stored once and shared by its assets.

        Args:
            origin: Owner, file name, and the claim when a job stores it.
            chunks: The bytes, in order.

        Returns:
            The new asset, or the existing one with the same write-once key and content.

        Raises:
            InvalidArgumentError: See `receive`.
            ResourceExhaustedError: See `receive`.
            AlreadyExistsError: The write-once key belongs to an asset of other content.
        """
        # Frames of a GIF count only for uploads: a small hostile file may decode to gigabytes, a job's clip is trusted.
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
        """Adds `draft` and returns its asset, or the existing one with its write-once key."""
        asset = await self._asset_index.add_sharing(draft, blob.sha256)
        if asset is None:
            await self._blobs.put(blob.key, spooled.file, blob.size_bytes, blob.content_type.value)
            asset = await self._asset_index.add(draft, blob)
            if asset.blob.key != blob.key:
                await self._discard([blob.key])
        return asset

    async def find(self, owner: str, asset_id: str, *, visible: Callable[[Asset], bool] = _every_asset) -> Asset:
        """Returns one asset.

        Args:
            owner: The owner.
            asset_id: The asset.
            visible: Whether the caller's credential may read an asset.

        Raises:
            NotFoundError: There is no such asset, it belongs to another owner, or it is not visible.
        """
        asset = await self._asset_index.find(owner, asset_id)
        if asset is None or not visible(asset):
            raise _not_found()
        return asset

    def read(self, blob: Blob, offset: int, length: int) -> AsyncGenerator[bytes, None]:
        """Streams `length` bytes from `offset`. Raises BlobMissingError when the asset was removed in between."""
        return self._blobs.read(blob.key, offset, length)

    async def page(
        self, owner: str, source: Source | None, before: tuple[int, str] | None, limit: int
    ) -> Sequence[Asset]:
        """Returns a page of the owner's assets, newest first; see `AssetIndex.page`."""
        return await self._asset_index.page(owner, source, before, limit)

    async def remove(self, owner: str, asset_id: str) -> None:
        """Removes an asset, and its bytes unless another asset shares them.

        Raises:
            NotFoundError: The owner has no such asset.
            FailedPreconditionError: It is the result of a job, and is removed with the job.
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
        """Removes the assets of a job; see `AssetIndex.remove_job`.

        Returns:
            The number of assets removed.
        """
        removed = await self._asset_index.remove_job(owner, job_id, keep_epoch, up_to_epoch)
        await self._discard(removed.freed_keys)
        return removed.count

    async def _discard(self, keys: Collection[str]) -> None:
        """Deletes bytes without a row; when S3 is unavailable, the sweep deletes them later."""
        try:
            await self._blobs.delete(keys)
        except UnavailableError:
            _log.warning("blobs left to the sweep", count=len(keys))


def _not_found() -> NotFoundError:
    return NotFoundError("ASSET_NOT_FOUND", "no such asset")
