"""The caller's images."""

from typing import Unpack

from atelier.image.v1 import image_pb2
from atelier.image.v1.image_pb2 import GenerateImageRequest, UpdateImageRequest
from atelier_client.connection import Connection
from atelier_client.image import AsyncImage
from atelier_client.jobs import AsyncJobs
from atelier_client.parameters import Parameters, to_message
from atelier_client.rpc import rpc

_SUBMIT = rpc(image_pb2.DESCRIPTOR, "ImageService.GenerateImage", GenerateImageRequest, image_pb2.Image)
# A second PUT would increment the revision again and stop the work of the first.
_UPDATE = rpc(image_pb2.DESCRIPTOR, "ImageService.UpdateImage", UpdateImageRequest, image_pb2.Image, repeatable=False)


class AsyncImages(AsyncJobs[AsyncImage]):
    """`client.images`."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, AsyncImage, _SUBMIT)

    async def update(self, image_id: str, prompt: str, **parameters: Unpack[Parameters]) -> AsyncImage:
        """Replaces all parameters of an image.

        Args:
            image_id: The image. A queued image is changed; any other is drawn again as its next revision.
            prompt: What to draw.
            **parameters: The fields of `Parameters`; those left out get their defaults, not their earlier values.

        Returns:
            The image as accepted.

        Raises:
            AtelierApiError: NOT_FOUND: there is no such image; INVALID_ARGUMENT, with `fields`: values were refused.
        """
        request = UpdateImageRequest(id=image_id, parameters=to_message(prompt, parameters))
        return self._of(await self._connection.call(_UPDATE, request))
