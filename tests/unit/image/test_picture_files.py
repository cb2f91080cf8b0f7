"""From pixels to a stored file, or to the right kind of failure."""

import hashlib

import numpy as np
import pytest

from atelier.storage.v1 import storage_pb2
from atelier_diffusion.denoise import Picture
from atelier_diffusion.encode import read_parameters
from atelier_image.adapters.storage import Upload
from atelier_image.domain.parameters import Asked, resolve
from atelier_image.worker.picture_files import PictureFiles
from atelier_jobs.attempt import InfrastructureFault, JobFault, Stopped, StopReason
from atelier_service.errors import AtelierError, InvalidArgumentError, UnavailableError
from tests.unit.image.attempts import RUNNING, an_attempt
from tests.unit.image.cards import DEMO

PARAMETERS = resolve(Asked(prompt="a cat", count=2, metadata={"project": "cats"}), DEMO, lambda: 7)
PICTURE = Picture(1, 8, np.zeros((128, 256, 3), np.uint8), "demo", "r1")
AWAY = UnavailableError("STORAGE_UNAVAILABLE", "away")


class Shelf:
    """Storage that fails as it is told, and then takes everything."""

    def __init__(self, *failures: AtelierError) -> None:
        self.failures = list(failures)
        self.uploads: list[Upload] = []

    async def store(self, upload: Upload) -> storage_pb2.Asset:
        if self.failures:
            raise self.failures.pop(0)
        self.uploads.append(upload)
        return storage_pb2.Asset(
            id="a1", content_type=upload.content_type, sha256=hashlib.sha256(upload.data).hexdigest()
        )


async def test_a_picture_is_stored_once_for_its_job_and_epoch() -> None:
    shelf = Shelf()
    output = await PictureFiles(shelf, 3).store(RUNNING, an_attempt(), PARAMETERS, PICTURE)
    (upload,) = shelf.uploads
    assert upload.write_once_key == "image/0197/4/1"
    assert (upload.owner, upload.job_id, upload.epoch, upload.filename) == ("ada", "0197", 4, "0197-1.png")
    assert (output.index, output.seed, output.asset_id) == (1, 8, "a1")


async def test_the_file_carries_what_makes_this_picture_alone() -> None:
    shelf = Shelf()
    await PictureFiles(shelf, 3).store(RUNNING, an_attempt(), PARAMETERS, PICTURE)
    parameters = read_parameters(shelf.uploads[0].data)
    assert parameters is not None
    assert (parameters["seed"], parameters["count"], parameters["model_revision"]) == (8, 1, "r1")
    assert "metadata" not in parameters


async def test_while_storage_is_away_the_bytes_are_kept() -> None:
    shelf = Shelf(AWAY, AWAY)
    await PictureFiles(shelf, 3).store(RUNNING, an_attempt(), PARAMETERS, PICTURE)
    assert len(shelf.uploads) == 1


async def test_when_storage_stays_away_the_job_is_given_back() -> None:
    with pytest.raises(InfrastructureFault):
        await PictureFiles(Shelf(AWAY, AWAY), 2).store(RUNNING, an_attempt(), PARAMETERS, PICTURE)


async def test_what_storage_refuses_for_good_fails_the_job() -> None:
    refusal = InvalidArgumentError("TOO_MANY_PIXELS", "too many pixels")
    with pytest.raises(JobFault) as caught:
        await PictureFiles(Shelf(refusal), 3).store(RUNNING, an_attempt(), PARAMETERS, PICTURE)
    assert (caught.value.reason, caught.value.retryable) == ("TOO_MANY_PIXELS", False)


async def test_what_is_stopped_is_not_stored() -> None:
    shelf, attempt = Shelf(), an_attempt()
    attempt.stop(StopReason.LOST)
    with pytest.raises(Stopped):
        await PictureFiles(shelf, 3).store(RUNNING, attempt, PARAMETERS, PICTURE)
    assert not shelf.uploads
