"""`atelier.image.v1.ImageService`: reads a request, asks the domain, writes the answer."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from atelier.events.v1 import events_pb2
from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier_generation.api.answers import Context, JobAnswers
from atelier_generation.api.serving import Parts
from atelier_image.domain.parameters import AskedImage
from atelier_image.domain.result import picture_of
from atelier_image.image_messages import asked_from, image_message, image_path
from atelier_service.identity import current_principal


class ImageServicer(image_pb2_grpc.ImageServiceServicer):
    """Owners see their own images only; the rest answers as if it were not there."""

    def __init__(self, parts: Parts[AskedImage]) -> None:
        self._images = parts.generations
        self._urls = parts.urls
        self._answers = JobAnswers(parts.generations, parts.watching, parts.storage, image_path)
        self._streams = parts.streams

    async def GenerateImage(self, request: image_pb2.GenerateImageRequest, context: Context) -> image_pb2.Image:
        """Accepts a prompt, and waits for the picture when the caller prefers that."""
        image = image_message(await self._answers.submit(request, asked_from(request.parameters), context))
        return await self._urls.signed(request, image)

    async def ListImages(self, request: image_pb2.ListImagesRequest, context: Context) -> image_pb2.ListImagesResponse:
        """See `JobAnswers.page`."""
        images, next_page_token = await self._answers.page(request, image_message)
        page = image_pb2.ListImagesResponse(images=images, next_page_token=next_page_token)
        return await self._urls.signed(request, page)

    async def GetImage(self, request: image_pb2.GetImageRequest, context: Context) -> image_pb2.Image:
        """One image of the caller."""
        image = image_message(await self._images.get(current_principal().subject, request.id))
        return await self._urls.signed(request, image)

    async def UpdateImage(self, request: image_pb2.UpdateImageRequest, context: Context) -> image_pb2.Image:
        """New parameters."""
        return image_message(await self._answers.update(request.id, asked_from(request.parameters), context))

    async def DeleteImage(self, request: image_pb2.DeleteImageRequest, context: Context) -> empty_pb2.Empty:
        """Stops and removes."""
        await self._images.delete(current_principal().subject, request.id)
        return empty_pb2.Empty()

    async def CancelImage(self, request: image_pb2.CancelImageRequest, context: Context) -> image_pb2.Image:
        """Stops."""
        return image_message(await self._images.cancel(current_principal().subject, request.id))

    async def GetImageContent(
        self, request: image_pb2.GetImageContentRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """The bytes as storage answers them to the caller, headers included."""

        def asset_of(result: bytes) -> str:
            return picture_of(result, request.index).asset_id

        async with aclosing(self._answers.content(request.id, asset_of, context)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def WatchImage(
        self, request: image_pb2.WatchImageRequest, context: Context
    ) -> AsyncIterator[events_pb2.Event]:
        """What happens to one image, to its end."""
        async with aclosing(self._streams.messages(request, context)) as events:
            async for event in events:
                yield event
