"""The caller's videos."""

from atelier_client.connection import Connection
from atelier_client.jobs import AsyncJobs
from atelier_client.video import AsyncVideo


class AsyncVideos(AsyncJobs[AsyncVideo]):
    """`client.videos`."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, AsyncVideo)
