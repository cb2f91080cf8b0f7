"""The generator of images: reads their inputs, draws pictures, encodes and stores them and their latents."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from atelier_artifacts.worker.asset_files import AssetFiles, all_of, file_fields_of
from atelier_diffusion.encoding.latent_file import encode_latent
from atelier_diffusion.encoding.latent_header import CONTENT_TYPE, SUFFIX
from atelier_diffusion.encoding.picture_file import CONTENT_TYPES, encode_picture
from atelier_diffusion.engine.results import Picture as DrawnPicture
from atelier_diffusion.policy.request import ImageRequest, OutputKind
from atelier_diffusion.remote.messages import StepDone
from atelier_drawing.worker.drawing import draw
from atelier_drawing.worker.handler import Output
from atelier_image.domain.image import ImageFile
from atelier_image.domain.parameters import ImageParameters
from atelier_image.worker.image_progress import denoising
from atelier_image.worker.input_files import read_inputs
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
        request = replace(parameters.request, **await read_inputs(self._files, job, attempt, parameters))
        attributes: dict[str, str | int | float] = {
            "image.model": parameters.model,
            "image.steps": request.drawn_steps,
            "image.count": request.count,
            "image.width_px": request.width_px,
            "image.height_px": request.height_px,
        }
        with attempt.span("image.generate", attributes):
            pictures = await draw(
                attempt,
                parameters.model,
                lambda on_step: self._engine.generate(request, parameters.model, on_step=on_step),
                denoising=denoising,
            )
        with attempt.span("image.store"):
            outputs = await all_of(
                self._store(job, attempt, parameters, picture, kind) for kind in request.outputs for picture in pictures
            )
        return Output(parameters, pictures[0].model_revision, tuple(outputs), pictures[0].tokens)

    async def _store(
        self, job: Job, attempt: Attempt, parameters: ImageParameters, picture: DrawnPicture, kind: OutputKind
    ) -> ImageFile:
        if kind == "PICTURE":
            data = await asyncio.to_thread(_encode, parameters, picture)
            name, suffix = str(picture.index), parameters.output_format.lower()
            content_type = CONTENT_TYPES[parameters.output_format]
        else:
            data = await asyncio.to_thread(_encode_latent, parameters, picture)
            name, suffix, content_type = f"latent-{picture.index}", SUFFIX, CONTENT_TYPE
        asset = await self._files.store(job, attempt, name, suffix, content_type, data)
        alone = parameters.request.alone(picture.index)
        return ImageFile(
            **file_fields_of(asset), index=picture.index, seed=alone.seed, wide_seed=alone.wide_seed, kind=kind
        )


def _encode(parameters: ImageParameters, picture: DrawnPicture) -> bytes:
    """Encodes a picture, with metadata from which it can be generated again, alone."""
    alone = replace(parameters, request=parameters.request.alone(picture.index))
    values = {**alone.drawn(), "model": picture.model_id, "model_revision": picture.model_revision}
    return encode_picture(picture.pixels, parameters.output_format, values)


def _encode_latent(parameters: ImageParameters, picture: DrawnPicture) -> bytes:
    assert picture.latent is not None, "it was asked for"
    return encode_latent(picture.latent, parameters.request.width_px, parameters.request.height_px)
