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
    """A video as it stood when it was fetched. `message` is the whole record, as the contract defines it."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.state} {self.parameters.prompt!r}>"

    @property
    def parameters(self) -> VideoParameters:
        """What is drawn, resolved: nothing is left out."""
        return self.message.parameters

    @property
    def outputs(self) -> tuple[VideoOutput, ...]:
        """The clip, its poster and its contact sheet."""
        return tuple(self.message.outputs)


class AsyncVideo(AsyncJob[Video], VideoRecord):
    """A video of an `AsyncClient`. The record never changes: methods that change the video answer a new one."""

    kind = _KIND

    async def content(self, role: str = "CLIP") -> bytes:
        """The bytes of one of its files, checked against their SHA-256: `CLIP`, `POSTER` or `CONTACT_SHEET`.

        Raises JobFailedError when there will be none, AtelierApiError FAILED_PRECONDITION before the end, ValueError
        for a role that does not exist.
        """
        number = enum_number("role", OutputRole.DESCRIPTOR, role)
        self._require_outputs()
        for output in self.outputs:
            if output.role == number:
                return await self._bytes(_CONTENT, GetVideoContentRequest(id=self.id, role=output.role), output)
        raise AtelierApiError("NOT_FOUND", "NOT_FOUND", f"the video has no {role}")

    async def url(self, role: str = "CLIP", *, expires_in_s: int = 0) -> str:
        """Where one of its files can be fetched without credentials, such as by a `<video>` of a page.

        Args:
            role: `CLIP`, `POSTER` or `CONTACT_SHEET`.
            expires_in_s: Seconds that it works at least, up to 3600; 0 for 15 minutes.

        Returns:
            A signed URL; over gRPC its path below the gateway.
        """
        enum_number("role", OutputRole.DESCRIPTOR, role)
        return await self._signed(f"{self.message.links.content}?role={role}", expires_in_s)

    async def poster(self) -> bytes:
        """The frame in the middle, a PNG. Raises as `content` does."""
        return await self.content("POSTER")

    async def contact_sheet(self) -> bytes:
        """Nine frames from the first to the last, three by three, a JPEG. Raises as `content` does."""
        return await self.content("CONTACT_SHEET")

    async def save(self, path: str | os.PathLike[str], role: str = "CLIP") -> Path:
        """Writes the clip, or another of its files, to `path`, all of it or nothing.

        Raises OSError when that cannot be written.
        """
        return await save_whole(path, await self.content(role))

    async def frames(self) -> AsyncIterator[VideoFrame]:
        """The frames as they were drawn, in their order; of a running video those that are there already."""

        async def fetch(token: str) -> ListVideoFramesResponse:
            return await self._connection.call(_FRAMES, ListVideoFramesRequest(id=self.id, page_token=token))

        async for frame in pages(fetch, lambda page: page.frames):
            yield frame

    async def frame(self, index: int, format: str = "PNG", width_px: int | None = None) -> bytes:  # noqa: A002 (PIL names it so, too)
        """One frame, from 0, as a picture: `PNG` (without loss), `WEBP` or `JPEG`, made smaller to `width_px`.

        Raises AtelierApiError NOT_FOUND for a frame that is not there, or not yet.
        """
        request = GetVideoFrameRequest(id=self.id, index=index, width_px=width_px)
        request.format = PictureFormat.ValueType(enum_number("format", PictureFormat.DESCRIPTOR, format))
        return await self._connection.picture(_FRAME, request)

    async def save_frame(self, path: str | os.PathLike[str], index: int, *, width_px: int | None = None) -> Path:
        """Writes one frame to `path` as a PNG, all of it or nothing. Raises OSError when that cannot be written."""
        return await save_whole(path, await self.frame(index, width_px=width_px))
