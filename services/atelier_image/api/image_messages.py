"""Images and parameters as messages of the contract, and back."""

from typing import cast, get_args

from atelier.image.v1 import image_pb2
from atelier.type.v1 import type_pb2
from atelier_artifacts.api.job_files import file_fields
from atelier_drawing.api.messages import read_parameters, token_count, write_parameters
from atelier_drawing.domain.result import result_from
from atelier_image.domain.image import Picture
from atelier_image.domain.parameters import AskedImage, FormatName, ImageParameters
from atelier_jobs.api.messages import job_fields
from atelier_jobs.domain.job import Job
from atelier_jobs.wire.progress_messages import unpack_detail


def image_path(image_id: str) -> str:
    """Returns the path of an image below the gateway."""
    return f"/api/v1/images/{image_id}"


def content_paths(image_id: str, result: bytes) -> list[str]:
    """Returns the paths of a finished image's pictures below the gateway."""
    return [_content_path(image_id, output.index) for output in result_from(result, Picture).outputs]


def asked_from(message: image_pb2.GenerationParameters) -> AskedImage:
    """Reads the parameters as the caller sent them."""
    asked = AskedImage(
        prompt=message.prompt,
        count=message.count if message.HasField("count") else None,
        output_format=_format_name(message.output_format),
    )
    return read_parameters(message, asked)


def parameters_message(parameters: ImageParameters) -> image_pb2.GenerationParameters:
    """Writes resolved parameters; sent again, they ask for the same image."""
    message = image_pb2.GenerationParameters(
        count=parameters.request.count, output_format=type_pb2.PictureFormat.Value(parameters.output_format)
    )
    write_parameters(message, parameters)
    return message


def progress_message(job: Job) -> image_pb2.ImageProgress:
    """Makes the progress in an image's record."""
    message = unpack_detail(job.progress, image_pb2.ImageProgress)
    message.fraction = job.progress.fraction
    return message


def image_message(job: Job) -> image_pb2.Image:
    """Makes the record of an image from its job."""
    result = result_from(job.result, Picture) if job.result is not None else None
    tokens = result.tokens if result else None
    path = image_path(job.id)
    image = image_pb2.Image(
        **job_fields(job),
        parameters=parameters_message(ImageParameters.from_bytes(job.spec)),
        model_revision=result.model_revision if result else "",
        prompt_tokens=token_count(tokens.prompt) if tokens else None,
        negative_prompt_tokens=token_count(tokens.negative_prompt) if tokens else None,
        progress=progress_message(job),
        links=image_pb2.ImageLinks(
            self=path, events=f"{path}/events", content=f"{path}/content", cancel=f"{path}/cancel"
        ),
    )
    for output in result.outputs if result else ():
        content_url = _content_path(job.id, output.index)
        image.outputs.add(**file_fields(output), index=output.index, seed=output.seed, content_url=content_url)
    return image


def _content_path(image_id: str, index: int) -> str:
    return f"{image_path(image_id)}/content?index={index}"


def _format_name(value: type_pb2.PictureFormat.ValueType) -> FormatName | None:
    name = type_pb2.PictureFormat.Name(value)
    return cast(FormatName, name) if name in get_args(FormatName) else None
