"""The caller's video: its record, and the operations on it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty

from atelier.events.v1.events_pb2 import Event
from atelier.type.v1.type_pb2 import PictureFormat
from atelier.video.v1 import video_pb2
from atelier.video.v1.video_pb2 import (
    CancelVideoRequest,
    DeleteVideoRequest,
    GetVideoContentRequest,
    GetVideoFrameRequest,
    GetVideoRequest,
    ListVideoFramesRequest,
    ListVideoFramesResponse,
    ListVideosRequest,
    ListVideosResponse,
    OutputRole,
    Video,
    VideoFrame,
    VideoOutput,
    VideoParameters,
    WatchVideoRequest,
)
from atelier_client.errors import AtelierApiError
from atelier_client.job import AsyncJob, JobRecord
from atelier_client.job_kind import JobKind
from atelier_client.paging import pages
from atelier_client.parameters import enum_number
from atelier_client.rpc import rpc
from atelier_client.whole_file import save_whole

_FILE = video_pb2.DESCRIPTOR
_KIND = JobKind(
    list=rpc(_FILE, "VideoService.ListVideos", ListVideosRequest, ListVideosResponse),
    listed=lambda page: page.videos,
    get=rpc(_FILE, "VideoService.GetVideo", GetVideoRequest, Video),
    cancel=rpc(_FILE, "VideoService.CancelVideo", CancelVideoRequest, Video),
    delete=rpc(_FILE, "VideoService.DeleteVideo", DeleteVideoRequest, Empty),
    watch=rpc(_FILE, "VideoService.WatchVideo", WatchVideoRequest, Event),
)
_CONTENT = rpc(_FILE, "VideoService.GetVideoContent", GetVideoContentRequest, HttpBody)
_FRAMES = rpc(_FILE, "VideoService.ListVideoFrames", ListVideoFramesRequest, ListVideoFramesResponse)
_FRAME = rpc(_FILE, "VideoService.GetVideoFrame", GetVideoFrameRequest, HttpBody)


class VideoRecord(JobRecord[Video]):
    """The record of a video when it was fetched. `message` is the whole record, as the contract defines it."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.state} {self.parameters.prompt!r}>"

    @property
    def parameters(self) -> VideoParameters:
        """The resolved parameters: every field is set."""
        return self.message.parameters

    @property
    def outputs(self) -> tuple[VideoOutput, ...]:
        """The clip, its poster and its contact sheet; empty before the video has succeeded."""
        return tuple(self.message.outputs)


class AsyncVideo(AsyncJob[Video], VideoRecord):
    """A video of an `AsyncClient`. The object is immutable: methods that change the video return a new object."""

    kind = _KIND

    async def content(self, role: str = "CLIP") -> bytes:
        """Returns the bytes of one file of the video, checked against their SHA-256.

        Args:
            role: `CLIP`, `POSTER` or `CONTACT_SHEET`.

        Raises:
            JobFailedError: The video failed or was cancelled.
            AtelierApiError: FAILED_PRECONDITION: it has not ended yet.
            IncompleteError: The bytes are incomplete, or of another revision of the video.
            ValueError: There is no such role.
        """
        number = enum_number("role", OutputRole.DESCRIPTOR, role)
        self._require_outputs()
        for output in self.outputs:
            if output.role == number:
                return await self._bytes(_CONTENT, GetVideoContentRequest(id=self.id, role=output.role), output)
        raise AtelierApiError("NOT_FOUND", "NOT_FOUND", f"the video has no {role}")

    async def url(self, role: str = "CLIP", *, expires_in_s: int = 0) -> str:
        """Creates a URL of one file that needs no credentials, such as for a `<video>` of a web page.

        Args:
            role: `CLIP`, `POSTER` or `CONTACT_SHEET`.
            expires_in_s: The shortest validity in seconds, up to 3600; 0 for 15 minutes.

        Returns:
            The signed URL; over gRPC only its path and query.
        """
        enum_number("role", OutputRole.DESCRIPTOR, role)
        return await self._signed(f"{self.message.links.content}?role={role}", expires_in_s)

    async def poster(self) -> bytes:
        """Returns the middle frame as a PNG. Raises as `content` does."""
        return await self.content("POSTER")

    async def contact_sheet(self) -> bytes:
        """Returns a JPEG of nine frames, three by three, from the first to the last. Raises as `content` does."""
        return await self.content("CONTACT_SHEET")

    async def save(self, path: str | os.PathLike[str], role: str = "CLIP") -> Path:
        """Writes one file of the video to `path` atomically and returns the path.

        Raises OSError when `path` cannot be written, and as `content` does.
        """
        return await save_whole(path, await self.content(role))

    async def frames(self) -> AsyncIterator[VideoFrame]:
        """Yields the frames in order; of a running video, those that are stored already."""

        async def fetch(token: str) -> ListVideoFramesResponse:
            return await self._connection.call(_FRAMES, ListVideoFramesRequest(id=self.id, page_token=token))

        async for frame in pages(fetch, lambda page: page.frames):
            yield frame

    async def frame(self, index: int, format: str = "PNG", width_px: int | None = None) -> bytes:  # noqa: A002 (PIL names it so, too)
        """Returns the file of one frame as a picture.

        Args:
            index: The frame, from 0.
            format: `PNG` (lossless), `WEBP` or `JPEG`.
            width_px: The width to which it is scaled down; None: the width of the video.

        Raises:
            AtelierApiError: NOT_FOUND: there is no such frame, or it is not stored yet.
            ValueError: There is no such format.
        """
        request = GetVideoFrameRequest(id=self.id, index=index, width_px=width_px)
        request.format = PictureFormat.ValueType(enum_number("format", PictureFormat.DESCRIPTOR, format))
        return await self._connection.picture(_FRAME, request)

    async def save_frame(self, path: str | os.PathLike[str], index: int, *, width_px: int | None = None) -> Path:
        """Writes one frame to `path` as a PNG, atomically. Raises OSError, and as `frame` does."""
        return await save_whole(path, await self.frame(index, width_px=width_px))
