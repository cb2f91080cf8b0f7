"""Input files: the inputs of an image, read from storage and decoded for the engine."""

import asyncio
from typing import Any

from atelier_artifacts.worker.asset_files import AssetFiles
from atelier_diffusion.encoding.latent_file import read_latent
from atelier_diffusion.encoding.latent_header import LatentFileError
from atelier_diffusion.policy.request import ImageRequest
from atelier_image.domain.inputs import InputName
from atelier_image.domain.parameters import ImageParameters
from atelier_jobs.domain.job import Job
from atelier_jobs.worker.attempt import Attempt, JobFault
from atelier_media.errors import PictureReadError
from atelier_media.picture import fitted, read_picture, shades

_FIELDS: dict[InputName, str] = {"init_image": "init_picture", "init_latent": "init_latent", "mask": "mask"}


async def read_inputs(files: AssetFiles, job: Job, attempt: Attempt, parameters: ImageParameters) -> dict[str, Any]:
    """Returns the arrays of the request by their fields in ImageRequest.

    Raises:
        JobFault: A file does not exist any more, or cannot be decoded (storage checks only headers).
        InfrastructureFault: Storage was unavailable for too long.
        Stopped: A stop was requested.
    """
    arrays = {}
    for name, each in parameters.inputs.items():
        data = await files.read(job, attempt, each.asset_id)
        arrays[_FIELDS[name]] = await asyncio.to_thread(_decoded, name, data, parameters.request)
    return arrays


def _decoded(name: InputName, data: bytes, request: ImageRequest) -> Any:
    """Decodes an input. Pictures and masks are cropped around their centre and scaled to the request's size."""
    try:
        if name == "init_latent":
            return read_latent(data)[0]
        picture = fitted(read_picture(data), request.width_px, request.height_px)
    except (LatentFileError, PictureReadError) as error:
        raise JobFault("INPUT_DAMAGED", f"{name} cannot be taken: {error}", retryable=False) from error
    return shades(picture) if name == "mask" else picture
