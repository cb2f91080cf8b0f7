"""Images and parameters as messages of the contract, and back."""

from typing import cast, get_args

from atelier.image.v1 import image_pb2
from atelier.jobs.v1 import job_pb2
from atelier.type.v1 import type_pb2
from atelier_diffusion.model_card import ModelDefaults
from atelier_generation.api.messages import scheduler_name, timestamp_message
from atelier_generation.domain.result import result_from
from atelier_image.domain.parameters import AskedImage, FormatName, ImageParameters
from atelier_image.domain.result import Picture
from atelier_jobs.events import failure_message, progress_message
from atelier_jobs.job import Job
from atelier_service.telemetry import trace_id_of


def image_path(image_id: str) -> str:
    """Where an image is, below the gateway."""
    return f"/api/v1/images/{image_id}"


def content_paths(job: Job) -> list[str]:
    """Where the pictures of a finished image are, below the gateway."""
    if job.result is None:
        return []
    return [_content_path(job.id, output.index) for output in result_from(job.result, Picture).outputs]


def asked_from(message: image_pb2.GenerationParameters) -> AskedImage:
    """The request as it was sent."""
    return AskedImage(
        prompt=message.prompt,
        negative_prompt=message.negative_prompt,
        model=message.model,
        width_px=message.width_px if message.HasField("width_px") else None,
        height_px=message.height_px if message.HasField("height_px") else None,
        steps=message.steps if message.HasField("steps") else None,
        guidance_scale=message.guidance_scale if message.HasField("guidance_scale") else None,
        seed=message.seed if message.HasField("seed") else None,
        scheduler=scheduler_name(message.scheduler),
        count=message.count if message.HasField("count") else None,
        output_format=_format_name(message.output_format),
        metadata=dict(message.metadata),
    )


def parameters_message(parameters: ImageParameters) -> image_pb2.GenerationParameters:
    """Resolved parameters; sent again, they ask for the same."""
    return image_pb2.GenerationParameters(
        prompt=parameters.prompt,
        negative_prompt=parameters.negative_prompt,
        model=parameters.model,
        width_px=parameters.width_px,
        height_px=parameters.height_px,
        steps=parameters.steps,
        guidance_scale=parameters.guidance_scale,
        seed=parameters.seed,
        scheduler=type_pb2.Scheduler.Value(parameters.scheduler),
        count=parameters.count,
        output_format=type_pb2.PictureFormat.Value(parameters.output_format),
        metadata=parameters.metadata,
    )


def defaults_message(model_id: str, defaults: ModelDefaults) -> image_pb2.GenerationParameters:
    """What a model fills in."""
    return image_pb2.GenerationParameters(
        model=model_id,
        width_px=defaults.width_px,
        height_px=defaults.height_px,
        steps=defaults.steps,
        guidance_scale=defaults.guidance_scale,
        scheduler=type_pb2.Scheduler.Value(defaults.scheduler),
        count=1,
        output_format=type_pb2.PNG,
    )


def image_message(job: Job) -> image_pb2.Image:
    """A job as the image that it makes."""
    parameters = ImageParameters.from_bytes(job.spec)
    result = result_from(job.result, Picture) if job.result is not None else None
    path = image_path(job.id)
    image = image_pb2.Image(
        id=job.id,
        state=job_pb2.State.ValueType(job.state),
        revision=job.revision,
        parameters=parameters_message(parameters),
        model_revision=result.model_revision if result else "",
        progress=progress_message(job),
        cached=job.cached,
        attempt=job.attempt,
        seq=job.seq,
        trace_id=trace_id_of(job.traceparent),
        create_time=timestamp_message(job.create_us),
        start_time=timestamp_message(job.start_us),
        finish_time=timestamp_message(job.finish_us),
        links=image_pb2.ImageLinks(
            self=path, events=f"{path}/events", content=f"{path}/content", cancel=f"{path}/cancel"
        ),
    )
    if job.failure is not None:
        image.error.CopyFrom(failure_message(job.failure))
    for output in result.outputs if result else ():
        image.outputs.add(
            index=output.index,
            seed=output.seed,
            asset_id=output.asset_id,
            content_type=output.content_type,
            width_px=output.width_px,
            height_px=output.height_px,
            size_bytes=output.size_bytes,
            sha256=output.sha256,
            content_url=_content_path(job.id, output.index),
        )
    return image


def _content_path(image_id: str, index: int) -> str:
    return f"{image_path(image_id)}/content?index={index}"


def _format_name(value: type_pb2.PictureFormat.ValueType) -> FormatName | None:
    name = type_pb2.PictureFormat.Name(value)
    return cast(FormatName, name) if name in get_args(FormatName) else None
