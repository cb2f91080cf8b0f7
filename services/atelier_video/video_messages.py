"""Videos and parameters as messages of the contract, and back."""

from atelier.jobs.v1 import job_pb2
from atelier.type.v1 import type_pb2
from atelier.video.v1 import video_pb2
from atelier_diffusion.model_card import ModelDefaults
from atelier_generation.api.messages import scheduler_name, timestamp_message
from atelier_generation.domain.result import result_from
from atelier_jobs.events import failure_message, progress_message
from atelier_jobs.job import Job
from atelier_media.clip_format import CONTAINERS, Container
from atelier_service.telemetry import trace_id_of
from atelier_video.domain.parameters import AskedVideo, VideoParameters
from atelier_video.domain.result import Role, VideoFile

# The share of the work that is denoising: decoding and encoding a clip took a tenth of what all its steps took.
_DENOISING_SHARE = 0.9

_TOLD: tuple[Role, ...] = ("CLIP", "POSTER", "CONTACT_SHEET")


def video_path(video_id: str) -> str:
    """Where a video is, below the gateway."""
    return f"/api/v1/videos/{video_id}"


def content_paths(job: Job) -> list[str]:
    """Where the files of a finished video are, below the gateway; the clip first."""
    if job.result is None:
        return []
    return [_content_path(job.id, file.role) for file in _told(result_from(job.result, VideoFile).outputs)]


def frame_path(video_id: str, index: int) -> str:
    """Where a frame is, below the gateway."""
    return f"{video_path(video_id)}/frames/{index}"


def progress_of(job: Job) -> job_pb2.Progress:
    """The job counts denoising steps, and then the frames that are encoded."""
    if not job.steps:
        return progress_message(job)
    parameters = VideoParameters.from_bytes(job.spec)
    step, frame = min(job.step, parameters.steps), max(0, job.step - parameters.steps)
    share = _DENOISING_SHARE * step / parameters.steps + (1 - _DENOISING_SHARE) * frame / parameters.frames
    return job_pb2.Progress(
        step=step,
        steps=parameters.steps,
        frame=frame,
        frames=parameters.frames,
        fraction=1.0 if job.fraction == 1.0 else min(share, 1.0),
    )


def asked_from(message: video_pb2.VideoParameters) -> AskedVideo:
    """The request as it was sent."""
    return AskedVideo(
        prompt=message.prompt,
        negative_prompt=message.negative_prompt,
        model=message.model,
        width_px=message.width_px if message.HasField("width_px") else None,
        height_px=message.height_px if message.HasField("height_px") else None,
        frames=message.frames if message.HasField("frames") else None,
        frame_rate_hz=message.frame_rate_hz if message.HasField("frame_rate_hz") else None,
        steps=message.steps if message.HasField("steps") else None,
        guidance_scale=message.guidance_scale if message.HasField("guidance_scale") else None,
        seed=message.seed if message.HasField("seed") else None,
        scheduler=scheduler_name(message.scheduler),
        first_frame_asset_id=message.first_frame_asset_id,
        container=_container_name(message.container),
        metadata=dict(message.metadata),
    )


def parameters_message(parameters: VideoParameters) -> video_pb2.VideoParameters:
    """Resolved parameters; sent again, they ask for the same."""
    return video_pb2.VideoParameters(
        prompt=parameters.prompt,
        negative_prompt=parameters.negative_prompt,
        model=parameters.model,
        width_px=parameters.width_px,
        height_px=parameters.height_px,
        frames=parameters.frames,
        frame_rate_hz=parameters.frame_rate_hz,
        steps=parameters.steps,
        guidance_scale=parameters.guidance_scale,
        seed=parameters.seed,
        scheduler=type_pb2.Scheduler.Value(parameters.scheduler),
        first_frame_asset_id=parameters.first_frame_asset_id,
        container=video_pb2.Container.Value(parameters.container),
        metadata=parameters.metadata,
    )


def defaults_message(model_id: str, defaults: ModelDefaults) -> video_pb2.VideoParameters:
    """What a model fills in."""
    return video_pb2.VideoParameters(
        model=model_id,
        width_px=defaults.width_px,
        height_px=defaults.height_px,
        frames=defaults.frames,
        frame_rate_hz=defaults.frame_rate_hz,
        steps=defaults.steps,
        guidance_scale=defaults.guidance_scale,
        scheduler=type_pb2.Scheduler.Value(defaults.scheduler),
        container=video_pb2.MP4,
    )


def video_message(job: Job) -> video_pb2.Video:
    """A job as the video that it makes."""
    result = result_from(job.result, VideoFile) if job.result is not None else None
    path = video_path(job.id)
    video = video_pb2.Video(
        id=job.id,
        state=job_pb2.State.ValueType(job.state),
        revision=job.revision,
        parameters=parameters_message(VideoParameters.from_bytes(job.spec)),
        model_revision=result.model_revision if result else "",
        progress=progress_of(job),
        cached=job.cached,
        attempt=job.attempt,
        seq=job.seq,
        trace_id=trace_id_of(job.traceparent),
        create_time=timestamp_message(job.create_us),
        start_time=timestamp_message(job.start_us),
        finish_time=timestamp_message(job.finish_us),
        links=video_pb2.VideoLinks(
            self=path,
            events=f"{path}/events",
            content=f"{path}/content",
            frames=f"{path}/frames",
            cancel=f"{path}/cancel",
        ),
    )
    if job.failure is not None:
        video.error.CopyFrom(failure_message(job.failure))
    for file in _told(result.outputs) if result else ():
        video.outputs.add(
            role=video_pb2.OutputRole.Value(file.role),
            asset_id=file.asset_id,
            content_type=file.content_type,
            width_px=file.width_px,
            height_px=file.height_px,
            size_bytes=file.size_bytes,
            sha256=file.sha256,
            content_url=_content_path(job.id, file.role),
            frame_count=file.frame_count,
            duration_s=file.duration_s,
        )
    return video


def _told(files: tuple[VideoFile, ...]) -> list[VideoFile]:
    return [file for file in files if file.role in _TOLD]


def _content_path(video_id: str, role: Role) -> str:
    path = f"{video_path(video_id)}/content"
    return path if role == "CLIP" else f"{path}?role={role}"


def _container_name(value: video_pb2.Container.ValueType) -> Container | None:
    name = video_pb2.Container.Name(value)
    return name if name in CONTAINERS else None
