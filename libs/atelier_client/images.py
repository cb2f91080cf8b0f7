"""The caller's images."""

from collections.abc import AsyncIterator
from typing import Unpack

from atelier.image.v1 import image_pb2
from atelier.image.v1.image_pb2 import GetImageRequest, ListImagesRequest, ListImagesResponse, UpdateImageRequest
from atelier_client.connection import Connection
from atelier_client.image import GET, AsyncImage
from atelier_client.paging import page_size, pages
from atelier_client.parameters import Parameters, to_message
from atelier_client.rpc import rpc
from atelier_client.states import state_named

_LIST = rpc(image_pb2.DESCRIPTOR, "ImageService.ListImages", ListImagesRequest, ListImagesResponse)
# A second PUT would count the revision up once more and stop the work of the first.
_UPDATE = rpc(image_pb2.DESCRIPTOR, "ImageService.UpdateImage", UpdateImageRequest, image_pb2.Image, repeatable=False)


class AsyncImages:
    """`client.images`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, *, state: str | None = None, limit: int | None = None) -> AsyncIterator[AsyncImage]:
        """Newest first, fetched as they are asked for; only those in `state` (such as `SUCCEEDED`), at most `limit`.

        Raises ValueError for a state that does not exist.
        """
        wanted = image_pb2.ListImagesRequest(page_size=page_size(limit))
        if state is not None:
            wanted.state = state_named(state)

        async def fetch(token: str) -> ListImagesResponse:
            wanted.page_token = token
            return await self._connection.call(_LIST, wanted)

        async for message in pages(fetch, lambda page: page.images, limit):
            yield AsyncImage(message, self._connection)

    async def get(self, image_id: str) -> AsyncImage:
        """One image."""
        return AsyncImage(await self._connection.call(GET, GetImageRequest(id=image_id)), self._connection)

    async def update(self, image_id: str, prompt: str, **parameters: Unpack[Parameters]) -> AsyncImage:
        """New parameters, all of them. A queued image takes them; any other is made anew as its next revision."""
        request = UpdateImageRequest(id=image_id, parameters=to_message(prompt, parameters))
        return AsyncImage(await self._connection.call(_UPDATE, request), self._connection)

    async def cancel(self, image_id: str) -> AsyncImage:
        """Stops it within one denoising step. A finished image is answered as it stands."""
        return await self._bare(image_id).cancel()

    async def delete(self, image_id: str) -> None:
        """Stops it if it runs, and removes it with its files."""
        await self._bare(image_id).delete()

    def _bare(self, image_id: str) -> AsyncImage:
        return AsyncImage(image_pb2.Image(id=image_id), self._connection)
