"""From the assets of a job to the arrays of the engine's request, and from latents to stored files."""

import io
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from atelier.storage.v1 import storage_pb2
from atelier_artifacts.adapters.storage import Upload
from atelier_artifacts.worker.asset_files import AssetFiles
from atelier_diffusion.encoding.latent_file import read_latent
from atelier_diffusion.encoding.picture_file import read_parameters
from atelier_diffusion.engine.results import Picture
from atelier_diffusion.policy.request import ImageRequest
from atelier_diffusion.remote.messages import StepDone
from atelier_image.domain.image import ImageFile
from atelier_image.domain.inputs import Input, InputName
from atelier_image.domain.parameters import AskedImage, resolve
from atelier_image.worker.image_generator import ImageGenerator
from atelier_jobs.worker.attempt import JobFault
from atelier_service.errors import NotFoundError
from tests.unit.image.latents import CARD, FILE, HEADER, LATENT
from tests.unit.jobs.attempts import RUNNING, an_attempt


class Listening:
    """An engine that remembers its request, and has drawn two pictures with latents already."""

    def __init__(self) -> None:
        self.requests: list[ImageRequest] = []

    async def generate(
        self, request: ImageRequest, model_id: str, *, on_step: Callable[[StepDone], None]
    ) -> tuple[list[Picture], float]:
        self.requests.append(request)
        pixels = np.zeros((128, 256, 3), np.uint8)
        return [Picture(k, seed, pixels, "demo", "r1", None, LATENT) for k, seed in enumerate(request.seeds)], 0.1


class Shelf:
    """Storage that holds some assets and takes everything."""

    def __init__(self, held: Mapping[str, bytes]) -> None:
        self._held = held
        self.uploads: dict[str, Upload] = {}

    async def store(self, upload: Upload, token: str) -> storage_pb2.Asset:
        self.uploads[upload.filename] = upload
        return storage_pb2.Asset(id=upload.filename, content_type=upload.content_type)

    async def read(self, asset_id: str, token: str) -> bytes:
        if asset_id not in self._held:
            raise NotFoundError("ASSET_NOT_FOUND", "there is no such asset")
        return self._held[asset_id]


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def halves() -> Image.Image:
    """Black on the left, white on the right, twice as large as the picture is to be."""
    picture = Image.new("L", (512, 256))
    picture.paste(255, (256, 0, 512, 256))
    return picture


SHELF = {
    "red": png(Image.new("RGB", (300, 100), "red")),
    "half": png(halves()),
    "latent": FILE,
    "broken": FILE[:-96] + np.full(24, np.nan, np.float32).tobytes(),
    "half a file": png(halves())[:150],
}


async def drawn(
    inputs: Mapping[InputName, str], **asked: object
) -> tuple[ImageRequest, tuple[ImageFile, ...], dict[str, Upload]]:
    found = {name: Input(asset_id, "00", HEADER) for name, asset_id in inputs.items()}
    image = AskedImage(prompt="a cat", inputs=found, **asked)  # type: ignore[arg-type]
    job = replace(RUNNING, spec=resolve(image, CARD, lambda: 7).to_bytes())
    engine, shelf = Listening(), Shelf(SHELF)
    output = await ImageGenerator(engine, AssetFiles(shelf, 1.0)).generate(job, an_attempt())
    files = tuple(file for file in output.files if isinstance(file, ImageFile))
    return engine.requests[0], files, shelf.uploads


async def test_a_picture_and_its_mask_have_the_size_of_the_request() -> None:
    request, _, _ = await drawn({"init_image": "red", "mask": "half"})
    assert request.init_picture is not None
    assert request.mask is not None
    assert request.init_picture.shape == (128, 256, 3)
    assert (request.init_picture == [255, 0, 0]).all()
    assert request.mask.shape == (128, 256)
    assert (request.mask[:, :120] == 0).all()
    assert (request.mask[:, 136:] == 255).all()


async def test_a_latent_reaches_the_engine_as_it_is() -> None:
    request, _, _ = await drawn({"init_latent": "latent"}, start_step=5)
    assert request.init_latent is not None
    assert np.array_equal(request.init_latent, LATENT.samples)


@pytest.mark.parametrize(
    ("name", "asset_id", "reason"),
    [
        ("init_latent", "broken", "INPUT_DAMAGED"),
        ("init_image", "half a file", "INPUT_DAMAGED"),
        ("init_image", "deleted", "ASSET_NOT_FOUND"),
    ],
)
async def test_an_input_that_cannot_be_taken_fails_the_job_for_good(
    name: InputName, asset_id: str, reason: str
) -> None:
    with pytest.raises(JobFault) as fault:
        await drawn({name: asset_id})
    assert (fault.value.reason, fault.value.retryable) == (reason, False)


async def test_latents_are_stored_beside_their_pictures() -> None:
    _, files, uploads = await drawn({}, outputs=("PICTURE", "LATENT"), count=2, wide_seed=2**64 - 1)
    assert [(file.kind, file.index, file.wide_seed) for file in files] == [
        ("PICTURE", 0, 2**64 - 1),
        ("PICTURE", 1, 0),
        ("LATENT", 0, 2**64 - 1),
        ("LATENT", 1, 0),
    ]
    latent = uploads["0197-latent-1.safetensors"]
    assert latent.content_type == "application/vnd.safetensors"
    assert isinstance(latent.content, bytes)
    samples, header = read_latent(latent.content)
    assert np.array_equal(samples, LATENT.samples)
    assert header == HEADER


async def test_a_latent_alone_is_stored_alone() -> None:
    _, files, uploads = await drawn({}, outputs=("LATENT",))
    assert [file.kind for file in files] == ["LATENT"]
    assert list(uploads) == ["0197-latent-0.safetensors"]


async def test_the_picture_carries_the_digests_of_what_it_was_made_of() -> None:
    _, _, uploads = await drawn({"init_image": "red"}, denoise=0.5, wide_seed=5)
    content = uploads["0197-0.png"].content
    assert isinstance(content, bytes)
    parameters = read_parameters(content)
    assert parameters is not None
    assert (parameters["init_image_sha256"], parameters["denoise"], parameters["wide_seed"]) == ("00", 0.5, 5)
    assert "init_image_asset_id" not in parameters
