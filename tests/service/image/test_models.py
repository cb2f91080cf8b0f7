"""The catalogue, and what is in memory."""

from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from atelier.jobs.v1 import job_pb2
from atelier.type.v1.type_pb2 import ModelState
from tests.service.image.image_mesh import SMALL, ImageMesh, image_mesh
from tests.service.owner import refusal
from tests.support.nats import NatsServer
from tests.support.s3 import S3Server

DEMO = "demo-image"


async def test_the_catalogue_contains_the_defaults_of_a_model(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    answer = await ada.models()
    model = answer.models[0]
    assert (model.id, model.is_default, model.state) == (DEMO, True, ModelState.UNLOADED)
    assert (model.defaults.width_px, model.defaults.steps, model.size_multiple_px) == (256, 12, 32)
    assert (model.revision, model.prompt_max_tokens) == ("", 32)  # no worker has read its files yet
    assert not answer.next_page_token


async def test_the_default_model_is_loaded_at_the_start(mesh: ImageMesh) -> None:
    model = await (await mesh.owner()).model_in(ModelState.READY, DEMO)
    assert model.memory_bytes > 1_000_000
    assert model.revision


async def test_administrators_drop_and_load_models(mesh: ImageMesh) -> None:
    admin = await mesh.admin()
    await admin.model_in(ModelState.READY, DEMO)
    await admin.model("Unload", DEMO)
    model = await admin.model_in(ModelState.UNLOADED, DEMO)
    assert model.memory_bytes == 0
    await admin.model("Load", DEMO)
    await admin.model_in(ModelState.READY, DEMO)


async def test_others_do_not(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    for command in ("Load", "Unload"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ada.model(command, DEMO)
        assert refusal(caught.value)[:2] == ("PERMISSION_DENIED", "ADMIN_ONLY")


async def test_a_model_that_never_was_is_not_found(idle_mesh: ImageMesh) -> None:
    admin = await idle_mesh.admin()
    for command in ("Get", "Load", "Unload"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await admin.model(command, "no-such")
        assert refusal(caught.value)[:2] == ("NOT_FOUND", "MODEL_NOT_FOUND")


async def test_without_a_worker_nothing_is_loaded(idle_mesh: ImageMesh) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await (await idle_mesh.admin()).model("Load", DEMO)
    assert refusal(caught.value)[:2] == ("UNAVAILABLE", "NO_WORKER")


async def test_a_worker_that_has_left_holds_nothing(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    await ada.model_in(ModelState.READY, DEMO)
    await mesh.worker.stop()
    assert (await ada.model("Get", DEMO)).state == ModelState.UNLOADED


@pytest.fixture
def odd_catalogue(tmp_path: Path) -> dict[str, Any]:
    """A catalogue with models that cannot be loaded, beside the demo model."""
    (tmp_path / "own.yaml").write_text(
        "models:\n  missing: {source: 'path:/no/such/folder'}\n  pickled: {source: 'path:pickled'}\n"
    )
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "model_index.json").write_text("{}")
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    return {"models": f"models/catalogue.yaml:{tmp_path / 'own.yaml'}"}


async def test_a_model_that_does_not_load_fails_the_job_and_the_worker_lives_on(
    s3_server: S3Server, nats_server: NatsServer, tmp_path: Path, odd_catalogue: dict[str, Any]
) -> None:
    settings = {"api_settings": odd_catalogue, "worker_settings": odd_catalogue}
    async with image_mesh(s3_server, nats_server, tmp_path, **settings) as mesh:
        await mesh.worker.start()
        ada = await mesh.owner()
        failed = await ada.made((await ada.generate(**SMALL, model="missing")).id)
        assert (failed.state, failed.error.reason) == (job_pb2.FAILED, "MODEL_NOT_FOUND")
        assert "/no/such" not in failed.error.message
        assert failed.attempt == 1, "trying again cannot help"
        model = await ada.model_in(ModelState.FAILED, "missing")
        assert model.error.reason == "MODEL_NOT_FOUND"
        assert (await ada.made((await ada.generate(**SMALL)).id)).state == job_pb2.SUCCEEDED


async def test_a_model_larger_than_the_memory_fails_the_job(
    s3_server: S3Server, nats_server: NatsServer, tmp_path: Path
) -> None:
    async with image_mesh(s3_server, nats_server, tmp_path, worker_settings={"memory_budget_bytes": 1000}) as mesh:
        await mesh.worker.start()
        ada = await mesh.owner()
        failed = await ada.made((await ada.generate(**SMALL)).id)
        assert (failed.state, failed.error.reason) == (job_pb2.FAILED, "MODEL_TOO_LARGE")


async def test_a_job_waits_for_a_worker_that_has_its_model(
    s3_server: S3Server, nats_server: NatsServer, tmp_path: Path, odd_catalogue: dict[str, Any]
) -> None:
    async with image_mesh(s3_server, nats_server, tmp_path, api_settings=odd_catalogue) as mesh:
        await mesh.worker.start()
        ada = await mesh.owner()
        first = await ada.generate(**SMALL, model="missing")
        assert (await ada.made((await ada.generate(**SMALL)).id)).state == job_pb2.SUCCEEDED
        waiting = await ada.get(first.id)
        assert (waiting.state, waiting.attempt) == (job_pb2.QUEUED, 0)
