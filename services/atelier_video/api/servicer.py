"""`atelier.video.v1.VideoService`, and `VideoStreamService` for its event streams over REST."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from atelier.events.v1 import events_pb2
from atelier.video.v1 import video_pb2, video_pb2_grpc
from atelier_artifacts.adapters.storage import CHUNK_BYTES, StorageAssets
from atelier_artifacts.api.job_files import JobFiles
from atelier_drawing.domain.drawings import Drawings
from atelier_jobs.api.event_streams import EventStreams
from atelier_jobs.api.job_api import Context, JobApi
from atelier_jobs.domain.owner_jobs import IdempotencyKey, Placement
from atelier_jobs.domain.store import Submitted
from atelier_service.byte_range import names_etag
from atelier_service.errors import NotFoundError, ResourceExhaustedError
from atelier_service.http import REVALIDATED, request_header, set_http
from atelier_service.identity import current_principal
from atelier_service.paging import decode_position, encode_token, fitting, page_size
from atelier_service.slots import Slots
from atelier_service.url_signing import UrlSigner
from atelier_video.api.frame_picture import FramePicture
from atelier_video.api.part_cache import PartCache
from atelier_video.api.video_messages import asked_from, frame_path, video_message
from atelier_video.domain.first_frame import check_first_frame
from atelier_video.domain.parameters import AskedVideo, VideoParameters
from atelier_video.domain.video import Role, StoredFrames, file_of


class VideoServicer(video_pb2_grpc.VideoServiceServicer):
    """Owners see their own videos only; for all others NOT_FOUND is returned."""

    def __init__(
        self,
        jobs: JobApi,
        videos: Drawings[AskedVideo],
        files: JobFiles,
        streams: EventStreams,
        urls: UrlSigner,
        storage: StorageAssets,
    ) -> None:
        self._jobs = jobs
        self._videos = videos
        self._files = files
        self._streams = streams
        self._urls = urls
        self._storage = storage
        self._part_files = PartCache(storage.read)
        self._cutting = asyncio.Semaphore(_CUT_AT_ONCE)
        self._reading = Slots(_READ_AT_ONCE, _READ_AT_ONCE_BY_ONE, _too_many_downloads)

    async def GenerateVideo(self, request: video_pb2.GenerateVideoRequest, context: Context) -> video_pb2.Video:
        """Accepts a prompt, and waits for the clip when the caller prefers that."""
        asked = asked_from(request.parameters)

        async def submit(owner: str, key: IdempotencyKey, placement: Placement) -> Submitted:
            await check_first_frame(self._storage, asked.first_frame_asset_id)
            return await self._videos.submit(owner, asked, key, placement)

        job = await self._jobs.submit(request, context, submit)
        return await self._urls.signed(request, video_message(job))

    async def ListVideos(self, request: video_pb2.ListVideosRequest, context: Context) -> video_pb2.ListVideosResponse:
        """See `JobApi.page`."""
        videos, next_page_token = await self._jobs.page(request, video_message)
        page = video_pb2.ListVideosResponse(videos=videos, next_page_token=next_page_token)
        return await self._urls.signed(request, page)

    async def GetVideo(self, request: video_pb2.GetVideoRequest, context: Context) -> video_pb2.Video:
        """Returns one video of the caller."""
        return await self._urls.signed(request, video_message(await self._jobs.get(request.id)))

    async def DeleteVideo(self, request: video_pb2.DeleteVideoRequest, context: Context) -> empty_pb2.Empty:
        """Stops and deletes a video."""
        await self._jobs.delete(request.id)
        return empty_pb2.Empty()

    async def CancelVideo(self, request: video_pb2.CancelVideoRequest, context: Context) -> video_pb2.Video:
        """Requests that a video stops."""
        return video_message(await self._jobs.cancel(request.id))

    async def GetVideoContent(
        self, request: video_pb2.GetVideoContentRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """Streams the content as storage sends it to the caller, headers included."""

        def asset_of(result: bytes) -> str:
            return file_of(result, _ROLES.get(request.role, "CLIP")).asset_id

        async with aclosing(self._files.content(request.id, asset_of, context)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def ListVideoFrames(
        self, request: video_pb2.ListVideoFramesRequest, context: Context
    ) -> video_pb2.ListVideoFramesResponse:
        """Lists the frames that are stored."""
        parameters, frames = await self._frames(request.id)
        first = decode_position(request.page_token)
        end = min(first + page_size(request.page_size), frames.count)
        shown = fitting(
            video_pb2.VideoFrame(
                index=index,
                time_s=index / parameters.drawn_rate_hz,
                width_px=parameters.request.width_px,
                height_px=parameters.request.height_px,
                content_url=frame_path(request.id, index),
            )
            for index in range(first, end)
        )
        page = video_pb2.ListVideoFramesResponse(
            frames=shown,
            next_page_token=encode_token(first + len(shown)) if first + len(shown) < frames.count else "",
            frame_count=frames.count,
            partial=frames.partial,
        )
        return await self._urls.signed(request, page)

    async def GetVideoFrame(
        self, request: video_pb2.GetVideoFrameRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """Streams one frame, extracted from the file that contains it."""
        _, frames = await self._frames(request.id)
        part = frames.part_with(request.index)
        picture = FramePicture.of(part, request)
        if names_etag(request_header(context, "if-none-match") or "", picture.etag):
            await set_http(context, 304, etag=picture.etag, **REVALIDATED)
            yield httpbody_pb2.HttpBody(content_type=picture.content_type)
            return
        with self._reading.take(current_principal().subject):
            content = await self._cut(picture, request.id, part.asset_id)
            await set_http(context, None, etag=picture.etag, x_content_type_options="nosniff", **REVALIDATED)
            for start in range(0, len(content), CHUNK_BYTES):
                chunk = content[start : start + CHUNK_BYTES]
                yield httpbody_pb2.HttpBody(content_type=picture.content_type, data=chunk)

    async def WatchVideo(
        self, request: video_pb2.WatchVideoRequest, context: Context
    ) -> AsyncIterator[events_pb2.Event]:
        """Streams the events of one video to its end."""
        async with aclosing(self._streams.messages(request, context)) as events:
            async for event in events:
                yield event

    async def _cut(self, picture: FramePicture, video_id: str, asset_id: str) -> bytes:
        """Returns the bytes of the picture. Few run concurrently: each has a whole file of frames in memory."""
        async with self._cutting:
            try:
                part = await self._part_files.get(asset_id)
            except NotFoundError:
                await self._files.lost(video_id, asset_id)
                raise
            return await asyncio.to_thread(picture.cut_from, part)

    async def _frames(self, video_id: str) -> tuple[VideoParameters, StoredFrames]:
        """Returns the stored frames of a video of the caller; for a running one, those that its worker has stored."""
        job = await self._jobs.get(video_id)
        made = await self._jobs.result_so_far(job)
        return VideoParameters.from_bytes(job.spec), StoredFrames.of(made, partial=not job.state.terminal)


class VideoStreamServicer(video_pb2_grpc.VideoStreamServiceServicer):
    """Event streams over REST; owners see their own videos only."""

    def __init__(self, streams: EventStreams) -> None:
        self._streams = streams

    async def WatchVideo(
        self, request: video_pb2.WatchVideoRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """Streams the events of one video to its end."""
        async with aclosing(self._streams.bodies(request, context)) as bodies:
            async for body in bodies:
                yield body


_CUT_AT_ONCE = 8
# A picture stays in memory until the caller, who may be slow, has read it.
_READ_AT_ONCE = 512
_READ_AT_ONCE_BY_ONE = 64
_ROLES: dict[video_pb2.OutputRole.ValueType, Role] = {
    video_pb2.CLIP: "CLIP",
    video_pb2.POSTER: "POSTER",
    video_pb2.CONTACT_SHEET: "CONTACT_SHEET",
}


def _too_many_downloads(text: str) -> ResourceExhaustedError:
    return ResourceExhaustedError("TOO_MANY_DOWNLOADS", f"frames: {text}", retry_after_s=1.0)
