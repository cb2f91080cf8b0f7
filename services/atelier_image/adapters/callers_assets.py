"""The caller's files in storage: the adapter of CallersAssets."""

from atelier_artifacts.adapters.storage import StorageAssets
from atelier_image.domain.inputs import AssetFacts


class CallersStoredAssets:
    """A CallersAssets over gRPC, with the token of the caller being served."""

    def __init__(self, storage: StorageAssets) -> None:
        self._storage = storage

    async def facts(self, asset_id: str) -> AssetFacts:
        """See CallersAssets.facts."""
        asset = await self._storage.get(asset_id)
        return AssetFacts(asset.content_type, asset.size_bytes, asset.sha256)

    async def head(self, asset_id: str, length: int) -> bytes:
        """See CallersAssets.head."""
        return await self._storage.head(asset_id, length)
