"""`atelier.video.v1.VideoStreamService`: streams of videos as REST sends them."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from google.api import httpbody_pb2

from atelier.video.v1 import video_pb2, video_pb2_grpc
from atelier_jobs.api.event_streams import Context, EventStreams


class VideoStreamServicer(video_pb2_grpc.VideoStreamServiceServicer):
    """Owners follow their own videos only."""

    def __init__(self, streams: EventStreams) -> None:
        self._streams = streams

    async def WatchVideo(
        self, request: video_pb2.WatchVideoRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """What happens to one video, to its end."""
        async with aclosing(self._streams.frames(request, context)) as frames:
            async for frame in frames:
                yield frame
