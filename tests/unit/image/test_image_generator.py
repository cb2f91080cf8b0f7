"""From pixels to a stored file, or to the right kind of failure."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from atelier.storage.v1 import storage_pb2
from atelier_artifacts.adapters.storage import Upload
from atelier_artifacts.worker.asset_files import AssetFiles
from atelier_diffusion.encoding.picture_file import read_parameters
from atelier_diffusion.engine.results import Picture
from atelier_diffusion.policy.request import ImageRequest
from atelier_diffusion.remote.messages import StepDone
from atelier_image.domain.image import ImageFile as Stored
from atelier_image.domain.parameters import AskedImage, resolve
from atelier_image.worker.image_generator import ImageGenerator
from atelier_jobs.worker.attempt import Attempt, InfrastructureFault, JobFault, Stopped, StopReason
from atelier_service.errors import (
    AtelierError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
)
from tests.unit.jobs.attempts import RUNNING, an_attempt
from tests.unit.models.cards import DEMO

PARAMETERS = resolve(AskedImage(prompt="a cat", count=2, metadata={"project": "cats"}), DEMO, lambda: 7)
JOB = replace(RUNNING, spec=PARAMETERS.to_bytes())
PICTURE = Picture(1, 8, np.zeros((128, 256, 3), np.uint8), "demo", "r1")
AWAY = UnavailableError("STORAGE_UNAVAILABLE", "away")


class OneRequest:
    """An engine that has drawn `PICTURE` already."""

    async def generate(
        self, request: ImageRequest, model_id: str, *, on_step: Callable[[StepDone], None]
    ) -> tuple[list[Picture], float]:
        return [PICTURE], 0.1


class Shelf:
    """Storage that fails as it is told, and then takes everything."""

    def __init__(self, *failures: AtelierError) -> None:
        self.failures = list(failures)
        self.uploads: list[Upload] = []

    async def store(self, upload: Upload, token: str) -> storage_pb2.Asset:
        if self.failures:
            raise self.failures.pop(0)
        self.uploads.append(upload)
        return storage_pb2.Asset(
            id="a1", content_type=upload.content_type, sha256=hashlib.sha256(_bytes(upload)).hexdigest()
        )

    async def read(self, asset_id: str, token: str) -> bytes:
        raise NotFoundError("ASSET_NOT_FOUND", "there is no such asset")


def _bytes(upload: Upload) -> bytes:
    assert isinstance(upload.content, bytes)
    return upload.content


async def made(shelf: Shelf, attempt: Attempt, patience_s: float = 60) -> Stored:
    done = await ImageGenerator(OneRequest(), AssetFiles(shelf, patience_s)).generate(JOB, attempt)
    (stored,) = done.files
    assert isinstance(stored, Stored)
    return stored


async def test_a_picture_is_stored_once_for_its_job_and_epoch() -> None:
    shelf = Shelf()
    output = await made(shelf, an_attempt())
    (upload,) = shelf.uploads
    assert upload.write_once_key == "image/0197/4/1"
    assert (upload.job_id, upload.epoch, upload.filename) == ("0197", 4, "0197-1.png")
    assert (output.index, output.seed, output.asset_id) == (1, 8, "a1")


async def test_the_file_carries_what_makes_this_picture_alone() -> None:
    shelf = Shelf()
    await made(shelf, an_attempt())
    parameters = read_parameters(_bytes(shelf.uploads[0]))
    assert parameters is not None
    assert (parameters["seed"], parameters["count"], parameters["model_revision"]) == (8, 1, "r1")
    assert "metadata" not in parameters


async def test_while_storage_is_unavailable_the_bytes_are_retained() -> None:
    shelf = Shelf(AWAY, AWAY)
    await made(shelf, an_attempt())
    assert len(shelf.uploads) == 1


async def test_when_storage_stays_unavailable_the_job_is_released() -> None:
    with pytest.raises(InfrastructureFault):
        await made(Shelf(*[AWAY] * 100), an_attempt(), patience_s=0.5)


@pytest.mark.parametrize(
    "refusal",
    [
        InvalidArgumentError("TOO_MANY_PIXELS", "too many pixels"),
        ResourceExhaustedError("UPLOAD_TOO_LARGE", "a file may have at most 104857600 bytes"),
    ],
)
async def test_what_storage_refuses_for_good_fails_the_job(refusal: AtelierError) -> None:
    with pytest.raises(JobFault) as caught:
        await made(Shelf(refusal), an_attempt())
    assert (caught.value.reason, caught.value.retryable) == (refusal.reason, False)


async def test_an_upload_to_a_busy_storage_is_retried() -> None:
    shelf = Shelf(ResourceExhaustedError("TOO_MANY_UPLOADS", "too many uploads are under way", retry_after_s=1.0))
    await made(shelf, an_attempt())
    assert len(shelf.uploads) == 1


async def test_what_is_stopped_is_not_stored() -> None:
    shelf, attempt = Shelf(), an_attempt()
    attempt.stop(StopReason.LOST)
    with pytest.raises(Stopped):
        await made(shelf, attempt)
    assert not shelf.uploads
