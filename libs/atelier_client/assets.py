"""The caller's stored files."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty

from atelier.storage.v1 import storage_pb2
from atelier.storage.v1.storage_pb2 import (
    Asset,
    CreateAssetRequest,
    DeleteAssetRequest,
    GetAssetContentRequest,
    GetAssetRequest,
    ListAssetsRequest,
    ListAssetsResponse,
)
from atelier_client.connection import Connection
from atelier_client.errors import IncompleteError
from atelier_client.paging import page_size, pages
from atelier_client.rpc import rpc

_FILE = storage_pb2.DESCRIPTOR
_CREATE = rpc(_FILE, "StorageService.CreateAsset", CreateAssetRequest, Asset, repeatable=False)
_LIST = rpc(_FILE, "StorageService.ListAssets", ListAssetsRequest, ListAssetsResponse)
_GET = rpc(_FILE, "StorageService.GetAsset", GetAssetRequest, Asset)
_CONTENT = rpc(_FILE, "StorageService.GetAssetContent", GetAssetContentRequest, HttpBody)
_DELETE = rpc(_FILE, "StorageService.DeleteAsset", DeleteAssetRequest, Empty)

_CHUNK_BYTES = 256 * 1024


class AsyncAssets:
    """`client.assets`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def upload(self, path: Path, filename: str | None = None) -> Asset:
        """Uploads a file as a stream.

        Args:
            path: The file.
            filename: The name of the asset; by default that of the file.

        Returns:
            The new asset.

        Raises:
            OSError: The file cannot be read.
            AtelierApiError: INVALID_ARGUMENT: it is not a picture, video or latent of a supported type.
        """
        first = CreateAssetRequest(filename=filename or path.name)
        file = await asyncio.to_thread(path.open, "rb")
        try:

            async def chunks() -> AsyncIterator[bytes]:
                while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                    yield chunk

            return await self._connection.upload(_CREATE, first, chunks())
        finally:
            file.close()

    async def list(self, *, limit: int | None = None) -> AsyncIterator[Asset]:
        """Yields assets, newest first, at most `limit`; None for all."""
        size = page_size(limit)

        async def fetch(token: str) -> ListAssetsResponse:
            return await self._connection.call(_LIST, ListAssetsRequest(page_size=size, page_token=token))

        async for asset in pages(fetch, lambda page: page.assets, limit):
            yield asset

    async def get(self, asset_id: str) -> Asset:
        """Returns one asset. Raises AtelierApiError NOT_FOUND."""
        return await self._connection.call(_GET, GetAssetRequest(id=asset_id))

    async def content(self, asset_id: str) -> bytes:
        """Returns the bytes of an asset, checked against their SHA-256. Raises IncompleteError when they differ."""
        asset = await self.get(asset_id)
        request = GetAssetContentRequest(id=asset_id)
        data = await self._connection.content(_CONTENT, request, size_bytes=asset.size_bytes)
        if hashlib.sha256(data).hexdigest() != asset.sha256:
            raise IncompleteError("the bytes are not those of the asset")
        return data

    async def delete(self, asset_id: str) -> None:
        """Deletes an asset. Raises AtelierApiError FAILED_PRECONDITION for the result of a job."""
        await self._connection.call(_DELETE, DeleteAssetRequest(id=asset_id))
