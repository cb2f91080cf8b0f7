"""`atelier.image.v1.ImageService`, and `ImageStreamService` for its event streams over REST."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from atelier.events.v1 import events_pb2
from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier_artifacts.api.job_files import JobFiles
from atelier_drawing.domain.drawings import Drawings
from atelier_image.api.image_messages import image_message
from atelier_image.api.parameter_messages import asked_from
from atelier_image.domain.image import picture_of
from atelier_image.domain.inputs import CallersAssets, looked_up
from atelier_image.domain.parameters import AskedImage
from atelier_jobs.api.event_streams import EventStreams
from atelier_jobs.api.job_api import Context, JobApi
from atelier_jobs.domain.owner_jobs import IdempotencyKey, Placement
from atelier_jobs.domain.store import Submitted
from atelier_service.identity import current_principal
from atelier_service.url_signing import UrlSigner


class ImageServicer(image_pb2_grpc.ImageServiceServicer):
    """Owners see their own images only; for all others NOT_FOUND is returned."""

    def __init__(
        self,
        jobs: JobApi,
        images: Drawings[AskedImage],
        files: JobFiles,
        streams: EventStreams,
        urls: UrlSigner,
        assets: CallersAssets,
    ) -> None:
        self._jobs = jobs
        self._images = images
        self._files = files
        self._streams = streams
        self._urls = urls
        self._assets = assets

    async def GenerateImage(self, request: image_pb2.GenerateImageRequest, context: Context) -> image_pb2.Image:
        """Accepts a prompt, and waits for the picture when the caller prefers that."""
        asked = asked_from(request.parameters)

        async def submit(owner: str, key: IdempotencyKey, placement: Placement) -> Submitted:
            return await self._images.submit(owner, await self._with_inputs(asked), key, placement)

        job = await self._jobs.submit(request, context, submit)
        return await self._urls.signed(request, image_message(job))

    async def ListImages(self, request: image_pb2.ListImagesRequest, context: Context) -> image_pb2.ListImagesResponse:
        """See `JobApi.page`."""
        images, next_page_token = await self._jobs.page(request, image_message)
        page = image_pb2.ListImagesResponse(images=images, next_page_token=next_page_token)
        return await self._urls.signed(request, page)

    async def GetImage(self, request: image_pb2.GetImageRequest, context: Context) -> image_pb2.Image:
        """Returns one image of the caller."""
        return await self._urls.signed(request, image_message(await self._jobs.get(request.id)))

    async def UpdateImage(self, request: image_pb2.UpdateImageRequest, context: Context) -> image_pb2.Image:
        """Gives an image new parameters."""
        asked = await self._with_inputs(asked_from(request.parameters))
        job = await self._images.update(current_principal().subject, request.id, asked)
        return image_message(await self._jobs.accepted(job, context))

    async def DeleteImage(self, request: image_pb2.DeleteImageRequest, context: Context) -> empty_pb2.Empty:
        """Stops and deletes an image."""
        await self._jobs.delete(request.id)
        return empty_pb2.Empty()

    async def CancelImage(self, request: image_pb2.CancelImageRequest, context: Context) -> image_pb2.Image:
        """Requests that an image stops."""
        return image_message(await self._jobs.cancel(request.id))

    async def GetImageContent(
        self, request: image_pb2.GetImageContentRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """Streams the content as storage sends it to the caller, headers included."""

        def asset_of(result: bytes) -> str:
            return picture_of(result, request.index).asset_id

        async with aclosing(self._files.content(request.id, asset_of, context)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def WatchImage(
        self, request: image_pb2.WatchImageRequest, context: Context
    ) -> AsyncIterator[events_pb2.Event]:
        """Streams the events of one image to its end."""
        async with aclosing(self._streams.messages(request, context)) as events:
            async for event in events:
                yield event

    async def _with_inputs(self, asked: AskedImage) -> AskedImage:
        return replace(asked, inputs=await looked_up(self._assets, asked.inputs))


class ImageStreamServicer(image_pb2_grpc.ImageStreamServiceServicer):
    """Event streams over REST; owners see their own images only."""

    def __init__(self, streams: EventStreams) -> None:
        self._streams = streams

    async def WatchImage(
        self, request: image_pb2.WatchImageRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """Streams the events of one image to its end."""
        async with aclosing(self._streams.bodies(request, context)) as bodies:
            async for body in bodies:
                yield body
