"""Images as messages of the contract."""

from atelier.image.v1 import image_pb2
from atelier_artifacts.api.job_files import file_fields
from atelier_drawing.api.messages import token_count
from atelier_drawing.domain.result import result_from
from atelier_image.api.parameter_messages import parameters_message
from atelier_image.domain.image import ImageFile
from atelier_image.domain.parameters import ImageParameters
from atelier_jobs.api.messages import job_fields
from atelier_jobs.domain.job import Job
from atelier_jobs.wire.progress_messages import unpack_detail


def image_path(image_id: str) -> str:
    """Returns the path of an image below the gateway."""
    return f"/api/v1/images/{image_id}"


def content_paths(image_id: str, result: bytes) -> list[str]:
    """Returns the paths of a finished image's outputs below the gateway."""
    return [_content_path(image_id, output) for output in result_from(result, ImageFile).outputs]


def progress_message(job: Job) -> image_pb2.ImageProgress:
    """Makes the progress in an image's record."""
    message = unpack_detail(job.progress, image_pb2.ImageProgress)
    message.fraction = job.progress.fraction
    return message


def image_message(job: Job) -> image_pb2.Image:
    """Makes the record of an image from its job."""
    result = result_from(job.result, ImageFile) if job.result is not None else None
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
        image.outputs.add(
            **file_fields(output),
            index=output.index,
            seed=output.seed,
            wide_seed=output.wide_seed,
            kind=image_pb2.OutputKind.Value(output.kind),
            content_url=_content_path(job.id, output),
        )
    return image


def _content_path(image_id: str, output: ImageFile) -> str:
    if output.kind == "LATENT":
        return f"/api/v1/assets/{output.asset_id}/content"
    return f"{image_path(image_id)}/content?index={output.index}"
