"""Weights that are replaced in a model's folder: no request is answered with pictures of the old ones."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atelier.image.v1 import image_pb2
from atelier.jobs.v1 import job_pb2
from tests.service.image.image_mesh import SMALL, ImageMesh, Owner, image_mesh
from tests.support.nats import NatsServer
from tests.support.s3 import S3Server
from tests.support.wait import eventually

DEMO = Path(__file__).parents[3] / "models" / "demo-image"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the demo model, which may be spoilt."""
    return Path(shutil.copytree(DEMO, tmp_path / "model"))


@pytest.fixture
async def mesh(s3_server: S3Server, nats_server: NatsServer, tmp_path: Path, model: Path) -> AsyncIterator[ImageMesh]:
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text(json.dumps({"default": "m", "models": {"m": {"source": f"path:{model}"}}}))
    models = {"models": str(catalogue)}
    async with image_mesh(
        s3_server, nats_server, tmp_path, api_settings=models,
        worker_settings={**models, "model_index": tmp_path / "index.json"},
    ) as mesh:  # fmt: skip
        await mesh.worker.start()
        yield mesh


def replace_weights(model: Path) -> None:
    """In place, with the size and header that they had: the last numbers of the network become zeros."""
    file = model / "unet" / "diffusion_pytorch_model.safetensors"
    with file.open("r+b") as stream:
        stream.seek(-100_000, 2)
        stream.write(bytes(100_000))


async def drawn(owner: Owner) -> image_pb2.Image:
    image = await owner.made((await owner.generate(**SMALL, seed=1)).id)
    assert image.state == job_pb2.SUCCEEDED, image.error
    return image


async def test_the_next_request_is_drawn_with_the_new_weights_also_after_a_restart(
    mesh: ImageMesh, model: Path
) -> None:
    ada = await mesh.owner()
    old = await drawn(ada)
    assert (await drawn(ada)).cached
    replace_weights(model)

    async def noticed() -> bool:
        return bool((await ada.model("Get", "m")).revision != old.model_revision)

    await eventually(noticed, timeout_s=60, what="the worker to notice")
    new = await drawn(ada)
    assert not new.cached
    assert new.model_revision not in ("", old.model_revision)
    assert new.outputs[0].sha256 != old.outputs[0].sha256

    await mesh.worker.stop()
    await mesh.worker.start()

    async def known_again() -> bool:
        return bool((await ada.model("Get", "m")).revision == new.model_revision)

    await eventually(known_again, timeout_s=60, what="the worker to tell its revision")
    again = await drawn(ada)
    assert again.cached
    assert again.outputs[0].sha256 == new.outputs[0].sha256
