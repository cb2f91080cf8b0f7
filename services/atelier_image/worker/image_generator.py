"""The generator of images: draws pictures, encodes and stores them."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from atelier_artifacts.worker.asset_files import AssetFiles, all_of, file_fields_of
from atelier_diffusion.encoding.picture_file import CONTENT_TYPES, encode_picture
from atelier_diffusion.engine.results import Picture as DrawnPicture
from atelier_diffusion.policy.request import ImageRequest
from atelier_diffusion.remote.messages import StepDone
from atelier_drawing.worker.drawing import draw
from atelier_drawing.worker.handler import Output
from atelier_image.domain.image import Picture
from atelier_image.domain.parameters import ImageParameters
from atelier_image.worker.image_progress import denoising
from atelier_jobs.domain.job import Job
from atelier_jobs.worker.attempt import Attempt


class DrawsPictures(Protocol):
    """The port to the engine; see `RemoteEngine`."""

    async def generate(
        self, request: ImageRequest, model_id: str, *, on_step: Callable[[StepDone], None]
    ) -> tuple[list[DrawnPicture], float]: ...


class ImageGenerator:
    """A `Generator`."""

    def __init__(self, engine: DrawsPictures, files: AssetFiles) -> None:
        self._engine = engine
        self._files = files

    async def generate(self, job: Job, attempt: Attempt) -> Output:
        """See `Generator.generate`."""
        parameters = ImageParameters.from_bytes(job.spec)
        attributes: dict[str, str | int | float] = {
            "image.model": parameters.model,
            "image.steps": parameters.request.steps,
            "image.count": parameters.request.count,
            "image.width_px": parameters.request.width_px,
            "image.height_px": parameters.request.height_px,
        }
        with attempt.span("image.generate", attributes):
            pictures = await draw(
                attempt,
                parameters.model,
                lambda on_step: self._engine.generate(parameters.request, parameters.model, on_step=on_step),
                denoising=denoising,
            )
        with attempt.span("image.store"):
            outputs = await all_of(self._store(job, attempt, parameters, picture) for picture in pictures)
        return Output(parameters, pictures[0].model_revision, tuple(outputs), pictures[0].tokens)

    async def _store(self, job: Job, attempt: Attempt, parameters: ImageParameters, picture: DrawnPicture) -> Picture:
        data = await asyncio.to_thread(_encode, parameters, picture)
        suffix, content_type = parameters.output_format.lower(), CONTENT_TYPES[parameters.output_format]
        asset = await self._files.store(job, attempt, str(picture.index), suffix, content_type, data)
        return Picture(**file_fields_of(asset), index=picture.index, seed=picture.seed)


def _encode(parameters: ImageParameters, picture: DrawnPicture) -> bytes:
    """Encodes a picture, with metadata from which it can be generated again, alone."""
    values = {
        **parameters.drawn(),
        "seed": picture.seed,
        "count": 1,
        "model": picture.model_id,
        "model_revision": picture.model_revision,
    }
    return encode_picture(picture.pixels, parameters.output_format, values)
