"""`atelier.image.v1.ImageStreamService`: streams of images as REST sends them."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from google.api import httpbody_pb2

from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier_jobs.api.event_streams import Context, EventStreams


class ImageStreamServicer(image_pb2_grpc.ImageStreamServiceServicer):
    """Owners follow their own images only."""

    def __init__(self, streams: EventStreams) -> None:
        self._streams = streams

    async def WatchImage(
        self, request: image_pb2.WatchImageRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """What happens to one image, to its end."""
        async with aclosing(self._streams.frames(request, context)) as frames:
            async for frame in frames:
                yield frame
