"""Videos and parameters as messages of the contract, and back."""

from atelier.video.v1 import video_pb2
from atelier_artifacts.api.job_files import file_fields
from atelier_drawing.api.messages import read_parameters, token_count, write_defaults, write_parameters
from atelier_drawing.domain.result import result_from
from atelier_jobs.api.messages import job_fields
from atelier_jobs.domain.job import Job
from atelier_jobs.wire.progress_messages import unpack_detail
from atelier_media.clip_format import CONTAINERS, Container
from atelier_models.api.model_api import model_fields
from atelier_models.domain.model_view import ModelView
from atelier_video.domain.parameters import AskedVideo, VideoParameters
from atelier_video.domain.video import Role, VideoFile

_LISTED_ROLES: tuple[Role, ...] = ("CLIP", "POSTER", "CONTACT_SHEET")


def video_path(video_id: str) -> str:
    """Returns the path of a video below the gateway."""
    return f"/api/v1/videos/{video_id}"


def content_paths(video_id: str, result: bytes) -> list[str]:
    """Returns the paths of a finished video's files below the gateway; the clip first."""
    return [_content_path(video_id, file.role) for file in _listed(result_from(result, VideoFile).outputs)]


def frame_path(video_id: str, index: int) -> str:
    """Returns the path of a frame below the gateway."""
    return f"{video_path(video_id)}/frames/{index}"


def asked_from(message: video_pb2.VideoParameters) -> AskedVideo:
    """Reads the parameters as the caller sent them."""
    asked = AskedVideo(
        prompt=message.prompt,
        frames=message.frames if message.HasField("frames") else None,
        frame_rate_hz=message.frame_rate_hz if message.HasField("frame_rate_hz") else None,
        first_frame_asset_id=message.first_frame_asset_id,
        container=_container_name(message.container),
    )
    return read_parameters(message, asked)


def parameters_message(parameters: VideoParameters) -> video_pb2.VideoParameters:
    """Writes resolved parameters; sent again, they ask for the same video."""
    message = video_pb2.VideoParameters(
        frames=parameters.request.frames,
        frame_rate_hz=parameters.frame_rate_hz,
        first_frame_asset_id=parameters.first_frame_asset_id,
        container=video_pb2.Container.Value(parameters.container),
    )
    write_parameters(message, parameters)
    return message


def progress_message(job: Job) -> video_pb2.VideoProgress:
    """Makes the progress in a video's record."""
    message = unpack_detail(job.progress, video_pb2.VideoProgress)
    message.fraction = job.progress.fraction
    return message


def video_message(job: Job) -> video_pb2.Video:
    """Makes the record of a video from its job."""
    result = result_from(job.result, VideoFile) if job.result is not None else None
    tokens = result.tokens if result else None
    path = video_path(job.id)
    video = video_pb2.Video(
        **job_fields(job),
        parameters=parameters_message(VideoParameters.from_bytes(job.spec)),
        model_revision=result.model_revision if result else "",
        prompt_tokens=token_count(tokens.prompt) if tokens else None,
        negative_prompt_tokens=token_count(tokens.negative_prompt) if tokens else None,
        progress=progress_message(job),
        links=video_pb2.VideoLinks(
            self=path,
            events=f"{path}/events",
            content=f"{path}/content",
            frames=f"{path}/frames",
            cancel=f"{path}/cancel",
        ),
    )
    for file in _listed(result.outputs) if result else ():
        video.outputs.add(
            **file_fields(file),
            role=video_pb2.OutputRole.Value(file.role),
            content_url=_content_path(job.id, file.role),
            frame_count=file.frame_count,
            duration_s=file.duration_s,
        )
    return video


def model_message(model: ModelView) -> video_pb2.VideoModel:
    """Makes the message of a model that draws videos."""
    card, defaults = model.card, model.card.defaults
    filled_in = video_pb2.VideoParameters(
        frames=defaults.frames, frame_rate_hz=defaults.frame_rate_hz, container=video_pb2.MP4
    )
    write_defaults(filled_in, card.id, defaults)
    return video_pb2.VideoModel(
        **model_fields(model),
        defaults=filled_in,
        max_frames=card.max_frames,
        takes_first_frame=card.takes_first_frame,
    )


def _listed(files: tuple[VideoFile, ...]) -> list[VideoFile]:
    return [file for file in files if file.role in _LISTED_ROLES]


def _content_path(video_id: str, role: Role) -> str:
    path = f"{video_path(video_id)}/content"
    return path if role == "CLIP" else f"{path}?role={role}"


def _container_name(value: video_pb2.Container.ValueType) -> Container | None:
    name = video_pb2.Container.Name(value)
    return name if name in CONTAINERS else None
