"""The caller's videos."""

from atelier.video.v1 import video_pb2
from atelier.video.v1.video_pb2 import GenerateVideoRequest
from atelier_client.connection import Connection
from atelier_client.jobs import AsyncJobs
from atelier_client.rpc import rpc
from atelier_client.video import AsyncVideo

_SUBMIT = rpc(video_pb2.DESCRIPTOR, "VideoService.GenerateVideo", GenerateVideoRequest, video_pb2.Video)


class AsyncVideos(AsyncJobs[AsyncVideo]):
    """`client.videos`."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, AsyncVideo, _SUBMIT)
