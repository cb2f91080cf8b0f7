"""The video services of the contract in memory, for `SmallMesh`."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from tests.unit.client.refusal import Context, refuse

from atelier.events.v1 import events_pb2
from atelier.jobs.v1 import job_pb2
from atelier.type.v1 import type_pb2
from atelier.video.v1 import video_pb2, video_pb2_grpc

STEPS = 2
FRAMES = 5
_TYPES = {video_pb2.CLIP: "video/mp4", video_pb2.POSTER: "image/png", video_pb2.CONTACT_SHEET: "image/jpeg"}


def file(video_id: str, role: int) -> bytes:
    """The bytes of one file of a video: more than one message holds."""
    return f"{video_id}/{video_pb2.OutputRole.Name(role)};".encode() * 20_000  # type: ignore[arg-type]


def frame(video_id: str, index: int, width_px: int = 128) -> bytes:
    """The bytes of one frame: a PNG as far as its first and last bytes tell."""
    return b"\x89PNG\r\n\x1a\n" + f"{video_id}/{index}/{width_px};".encode() * 9_000 + b"\0\0\0\0IEND\xaeB`\x82"


class Videos(video_pb2_grpc.VideoServiceServicer):
    """Videos whose course a test changes: `hold` keeps them running until they are cancelled."""

    def __init__(self) -> None:
        self.videos: dict[str, video_pb2.Video] = {}
        self.metadata: list[dict[str, str]] = []
        self.requests: list[video_pb2.GenerateVideoRequest] = []
        self.hold = False
        self.fail = False
        self.break_streams = 0
        self.cut_bodies = 0
        self.watched_after: list[int | None] = []
        self.pages: list[str] = []
        self._changed = asyncio.Event()

    async def GenerateVideo(self, request: video_pb2.GenerateVideoRequest, context: Context) -> video_pb2.Video:
        metadata = {str(k): str(v) for k, v in context.invocation_metadata() or ()}
        self.metadata.append(metadata)
        self.requests.append(request)
        if request.parameters.frames > 64:
            await refuse(
                context, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", "a field is wrong", frames="at most 64"
            )
        if request.parameters.first_frame_asset_id == "nobody's":
            await refuse(context, grpc.StatusCode.NOT_FOUND, "ASSET_NOT_FOUND", "there is no such asset")
        video = video_pb2.Video(
            id=f"video-{len(self.videos)}", state=job_pb2.QUEUED, parameters=request.parameters, seq=1
        )
        video.create_time.GetCurrentTime()
        self.videos[video.id] = video
        if "prefer" in metadata and not self.hold:
            self._end(video)
        return video

    def _end(self, video: video_pb2.Video) -> None:
        video.seq = 3
        if self.fail:
            video.state = job_pb2.FAILED
            video.error.reason, video.error.message = "OUT_OF_MEMORY", "the model does not fit"
            return
        video.state = job_pb2.SUCCEEDED
        for role, content_type in _TYPES.items():
            data = file(video.id, role)
            digest = hashlib.sha256(data).hexdigest()
            made = video.outputs.add(role=role, content_type=content_type, size_bytes=len(data), sha256=digest)
            if role == video_pb2.CLIP:
                made.frame_count, made.duration_s = FRAMES, FRAMES / 8

    async def _found(self, video_id: str, context: Context) -> video_pb2.Video:
        if video_id not in self.videos:
            await refuse(context, grpc.StatusCode.NOT_FOUND, "VIDEO_NOT_FOUND", "there is no such video")
        return self.videos[video_id]

    async def ListVideos(self, request: video_pb2.ListVideosRequest, context: Context) -> video_pb2.ListVideosResponse:
        found = [v for v in reversed(self.videos.values()) if request.state in (0, v.state)]
        start = int(request.page_token or 0)
        end = start + min(request.page_size or 2, 2)
        return video_pb2.ListVideosResponse(
            videos=found[start:end], next_page_token=str(end) if end < len(found) else ""
        )

    async def GetVideo(self, request: video_pb2.GetVideoRequest, context: Context) -> video_pb2.Video:
        return await self._found(request.id, context)

    async def DeleteVideo(self, request: video_pb2.DeleteVideoRequest, context: Context) -> Empty:
        await self._found(request.id, context)
        del self.videos[request.id]
        return Empty()

    async def CancelVideo(self, request: video_pb2.CancelVideoRequest, context: Context) -> video_pb2.Video:
        video = await self._found(request.id, context)
        video.state, video.seq = job_pb2.CANCELED, 3
        self._changed.set()
        return video

    async def GetVideoContent(
        self, request: video_pb2.GetVideoContentRequest, context: Context
    ) -> AsyncIterator[HttpBody]:
        await self._found(request.id, context)
        for chunk in self._chunks(file(request.id, request.role or video_pb2.CLIP)):
            yield HttpBody(content_type=_TYPES[request.role or video_pb2.CLIP], data=chunk)

    async def ListVideoFrames(
        self, request: video_pb2.ListVideoFramesRequest, context: Context
    ) -> video_pb2.ListVideoFramesResponse:
        await self._found(request.id, context)
        self.pages.append(request.page_token)
        start = int(request.page_token or 0)
        end = min(start + 2, FRAMES)
        return video_pb2.ListVideoFramesResponse(
            frames=[video_pb2.VideoFrame(index=index, time_s=index / 8) for index in range(start, end)],
            next_page_token=str(end) if end < FRAMES else "",
            frame_count=FRAMES,
        )

    async def GetVideoFrame(self, request: video_pb2.GetVideoFrameRequest, context: Context) -> AsyncIterator[HttpBody]:
        await self._found(request.id, context)
        if request.index >= FRAMES:
            await refuse(context, grpc.StatusCode.NOT_FOUND, "FRAME_NOT_FOUND", "there is no such frame")
        if request.format == type_pb2.JPEG:
            yield HttpBody(content_type="image/jpeg", data=b"\xff\xd8 a frame \xff\xd9")
            return
        for chunk in self._chunks(frame(request.id, request.index, request.width_px or 128)):
            yield HttpBody(content_type="image/png", data=chunk)

    def _chunks(self, data: bytes) -> list[bytes]:
        """All of `data`, or the first half of it while there are bodies to cut."""
        chunks = [data[start : start + 65_536] for start in range(0, len(data), 65_536)]
        if not self.cut_bodies:
            return chunks
        self.cut_bodies -= 1
        return chunks[: len(chunks) // 2]

    async def WatchVideo(
        self, request: video_pb2.WatchVideoRequest, context: Context
    ) -> AsyncIterator[events_pb2.Event]:
        video = await self._found(request.id, context)
        after = request.after_seq if request.HasField("after_seq") else None
        self.watched_after.append(after)
        if after is None:
            snapshot = events_pb2.GenerationProgress(kind="video", state=job_pb2.QUEUED)
            yield events_pb2.Event(type="generation.snapshot", job_id=video.id, seq=1, snapshot=snapshot)
        yield events_pb2.Event(type="heartbeat", heartbeat=events_pb2.Heartbeat())
        yield _progress(video, 2, step=1)
        if self.break_streams:
            self.break_streams -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "upstream reset")
        yield _progress(video, 2, step=STEPS)
        for number in (1, FRAMES):
            yield _progress(video, 2, step=STEPS, frame=number)
        if self.hold:
            await self._changed.wait()
        if video.state not in (job_pb2.CANCELED, job_pb2.SUCCEEDED):
            self._end(video)
        yield _progress(video, 3, step=STEPS, frame=FRAMES, state=video.state, terminal=True)


def _progress(
    video: video_pb2.Video,
    seq: int,
    *,
    step: int,
    frame: int = 0,
    state: job_pb2.State.ValueType = job_pb2.RUNNING,
    terminal: bool = False,
) -> events_pb2.Event:
    progress = job_pb2.Progress(stage="denoising", done=step, total=STEPS, unit="step")
    if frame:
        progress = job_pb2.Progress(stage="encoding", done=frame, total=FRAMES, unit="frame")
    progress.detail.Pack(video_pb2.VideoProgress(step=step, steps=STEPS, frame=frame, frames=FRAMES))
    told = events_pb2.GenerationProgress(kind="video", state=state, progress=progress, terminal=terminal)
    return events_pb2.Event(type="generation.progress", job_id=video.id, seq=seq, generation_progress=told)


class VideoModels(video_pb2_grpc.VideoModelServiceServicer):
    """One model."""

    def __init__(self) -> None:
        self.model = video_pb2.VideoModel(
            id="demo-clips", state=type_pb2.UNLOADED, is_default=True, display_name="Demo of clips", max_frames=64
        )

    async def ListVideoModels(
        self, request: video_pb2.ListVideoModelsRequest, context: Context
    ) -> video_pb2.ListVideoModelsResponse:
        return video_pb2.ListVideoModelsResponse(models=[self.model])

    async def GetVideoModel(self, request: video_pb2.GetVideoModelRequest, context: Context) -> video_pb2.VideoModel:
        return await self._found(request.id, context)

    async def LoadVideoModel(self, request: video_pb2.LoadVideoModelRequest, context: Context) -> video_pb2.VideoModel:
        model = await self._found(request.id, context)
        model.state = type_pb2.LOADING
        return model

    async def UnloadVideoModel(
        self, request: video_pb2.UnloadVideoModelRequest, context: Context
    ) -> video_pb2.VideoModel:
        model = await self._found(request.id, context)
        model.state = type_pb2.UNLOADED
        return model

    async def _found(self, model_id: str, context: Context) -> video_pb2.VideoModel:
        if model_id != self.model.id:
            await refuse(context, grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", f"there is no model {model_id!r}")
        return self.model
