"""A caller's files in memory: a CallersAssets for tests, which passes the port's suite in tests/service/storage."""

from atelier_image.domain.inputs import AssetFacts
from atelier_service.errors import NotFoundError


class CallersFiles:
    """A CallersAssets: files by id, each a content type and its bytes."""

    def __init__(self, files: dict[str, tuple[str, bytes]]) -> None:
        self._files = files

    async def facts(self, asset_id: str) -> AssetFacts:
        """See CallersAssets.facts; a digest names the id."""
        content_type, data = self._file(asset_id)
        return AssetFacts(content_type, len(data), f"digest of {asset_id}")

    async def head(self, asset_id: str, length: int) -> bytes:
        """See CallersAssets.head."""
        return self._file(asset_id)[1][:length]

    def _file(self, asset_id: str) -> tuple[str, bytes]:
        if asset_id not in self._files:
            raise NotFoundError("ASSET_NOT_FOUND", "no such asset")
        return self._files[asset_id]
