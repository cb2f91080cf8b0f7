"""The generator of videos: draws clips, encodes their frames as they come, and stores the files."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from prometheus_client import Histogram

from atelier_artifacts.domain.stored_files import Producer
from atelier_artifacts.worker.asset_files import AssetFiles, all_of, file_fields_of
from atelier_diffusion.engine.model_store import ModelStatus
from atelier_diffusion.engine.results import Clip, FrameChunk
from atelier_diffusion.policy.request import VideoRequest
from atelier_diffusion.remote.messages import StepDone
from atelier_drawing.domain.result import Result
from atelier_drawing.worker.drawing import draw
from atelier_drawing.worker.handler import Output
from atelier_jobs.domain.job import Job
from atelier_jobs.worker.attempt import Attempt, JobFault
from atelier_media.errors import MediaError
from atelier_media.frame import Frame
from atelier_service.tasks import uninterrupted
from atelier_video.domain.parameters import VideoParameters
from atelier_video.domain.video import VideoFile
from atelier_video.worker.clip_files import ClipFiles, NewFile
from atelier_video.worker.first_frame import read_first_frame
from atelier_video.worker.video_progress import VideoStages

T = TypeVar("T")

_ENCODE = Histogram(
    "atelier_video_encode_seconds", "Seconds to encode the frames of one clip, in all its files.",
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 180, 600),
)  # fmt: skip
# A retry may succeed: the disk has space again.
_RETRYABLE = frozenset({"ENCODING_FAILED"})


class DrawsClips(Protocol):
    """The port to the engine; see `RemoteEngine`."""

    @property
    def statuses(self) -> tuple[ModelStatus, ...]: ...

    async def generate_clip(
        self,
        request: VideoRequest,
        model_id: str,
        *,
        on_frames: Callable[[FrameChunk], Awaitable[None]],
        on_step: Callable[[StepDone], None],
    ) -> tuple[Clip, float]: ...


class VideoGenerator:
    """A `Generator`. Clips are encoded into files in `folder`."""

    def __init__(self, engine: DrawsClips, files: AssetFiles, folder: Path) -> None:
        self._engine = engine
        self._files = files
        self._folder = folder

    async def generate(self, job: Job, attempt: Attempt) -> Output:
        """See `Generator.generate`."""
        parameters = VideoParameters.from_bytes(job.spec)
        try:
            async with aclosing(_ClipRun(self._engine, self._files, self._folder, job, attempt, parameters)) as run:
                return await run.output()
        except MediaError as error:
            raise JobFault(error.reason, error.message, retryable=error.reason in _RETRYABLE) from error


class _ClipRun:
    """One clip, from its first frame to its stored files."""

    def __init__(
        self,
        engine: DrawsClips,
        files: AssetFiles,
        folder: Path,
        job: Job,
        attempt: Attempt,
        parameters: VideoParameters,
    ) -> None:
        self._engine = engine
        self._files = files
        self._path = folder / f"{job.id}-{attempt.epoch}"
        self._job = job
        self._attempt = attempt
        self._parameters = parameters
        self._stages = VideoStages(parameters.request.frames)
        self._clip: ClipFiles | None = None
        self._stored: list[VideoFile] = []
        self._last: list[NewFile] = []
        self._encode_s = 0.0

    async def output(self) -> Output:
        parameters = self._parameters
        request = replace(parameters.request, first_frame=await self._first_frame())
        attributes: dict[str, str | int | float] = {
            "video.model": parameters.model,
            "video.steps": parameters.request.steps,
            "video.frames": parameters.request.frames,
            "video.width_px": parameters.request.width_px,
            "video.height_px": parameters.request.height_px,
            "video.container": parameters.container,
        }
        with self._attempt.span("video.generate", attributes):
            drawn = await draw(
                self._attempt,
                parameters.model,
                lambda on_step: self._engine.generate_clip(
                    request, parameters.model, on_frames=self._take, on_step=on_step
                ),
                denoising=self._stages.denoising,
            )
        with self._attempt.span("video.store"):
            assert self._clip is not None  # a clip has frames
            files = [*self._last, *await self._encoding(self._clip.finish)]
            self._stored += await all_of(self._store(file) for file in files)
        _ENCODE.observe(self._encode_s)
        return Output(parameters, drawn.model_revision, tuple(self._stored), drawn.tokens)

    async def aclose(self) -> None:
        """Removes the clip from the disk."""
        if self._clip is not None:
            await uninterrupted(asyncio.to_thread(self._clip.close))

    async def _first_frame(self) -> Frame | None:
        parameters = self._parameters
        if not parameters.first_frame_asset_id:
            return None
        data = await self._files.read(self._job, self._attempt, parameters.first_frame_asset_id)
        return await asyncio.to_thread(
            read_first_frame, data, parameters.request.width_px, parameters.request.height_px
        )

    async def _take(self, chunk: FrameChunk) -> None:
        """Encodes the next frames. Meanwhile the device decodes those after them, then waits: memory is bounded."""
        self._attempt.check()
        if self._clip is None:
            self._clip = await self._encoding(self._begin)
        clip = self._clip
        files = await self._encoding(lambda: self._encode(clip, chunk))
        if chunk.first_index + len(chunk.pixels) == self._parameters.request.frames:
            self._last = files  # goes to storage with all the rest, in a moment
            return
        for file in files:
            self._stored.append(await self._store(file))
            await self._attempt.save_partial(self._so_far())

    def _encode(self, clip: ClipFiles, chunk: FrameChunk) -> list[NewFile]:
        files: list[NewFile] = []
        for index, frame in enumerate(chunk.pixels, chunk.first_index):
            files += clip.add(frame)
            self._attempt.report(self._stages.encoding(index + 1, self._parameters.request.steps))
        return files

    def _begin(self) -> ClipFiles:
        """Opens the files; the metadata of the clip has what is needed to generate it again."""
        revision = next(s.revision for s in self._engine.statuses if s.model_id == self._parameters.model)
        return ClipFiles(self._path, self._parameters, {**self._parameters.drawn(), "model_revision": revision})

    async def _encoding(self, work: Callable[[], T]) -> T:
        """Runs `work` in a thread, to its end also when the attempt stops: the files are closed afterwards."""
        began = time.perf_counter()
        with self._attempt.span("video.encode"):
            done = await uninterrupted(asyncio.to_thread(work))
        self._encode_s += time.perf_counter() - began
        return done

    async def _store(self, file: NewFile) -> VideoFile:
        asset = await self._files.store(
            self._job, self._attempt, file.name, file.suffix, file.content_type, file.content
        )
        return VideoFile(
            **file_fields_of(asset),
            role=file.role,
            first_frame=file.first_frame,
            frame_count=file.frame_count,
            duration_s=file.duration_s,
        )

    def _so_far(self) -> bytes:
        """Returns the partial result: the frames that are stored."""
        source = Producer(self._job.id, self._attempt.epoch)
        return Result(model_revision="", source=source, outputs=tuple(self._stored)).to_bytes()
