"""The catalogue, and what is in memory."""

from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from atelier.image.v1 import image_pb2
from atelier.jobs.v1 import job_pb2
from atelier.type.v1.type_pb2 import ModelState
from atelier_jobs.testing.nats import NatsServer
from atelier_service.testing.s3 import S3Server
from atelier_service.testing.wait import eventually
from tests.service.image.image_mesh import SMALL, ImageMesh, Owner, image_mesh, refusal

DEMO = "demo-image"


async def get(owner: Owner, model_id: str = DEMO) -> image_pb2.Model:
    model: image_pb2.Model = await owner.models.GetModel(
        image_pb2.GetModelRequest(id=model_id), metadata=owner.metadata
    )
    return model


async def load(owner: Owner, model_id: str = DEMO) -> image_pb2.Model:
    model: image_pb2.Model = await owner.models.LoadModel(
        image_pb2.LoadModelRequest(id=model_id), metadata=owner.metadata
    )
    return model


async def unload(owner: Owner, model_id: str = DEMO) -> image_pb2.Model:
    model: image_pb2.Model = await owner.models.UnloadModel(
        image_pb2.UnloadModelRequest(id=model_id), metadata=owner.metadata
    )
    return model


async def comes_to(owner: Owner, state: ModelState.ValueType, model_id: str = DEMO) -> image_pb2.Model:
    async def there() -> image_pb2.Model | None:
        model = await get(owner, model_id)
        return model if model.state == state else None

    model = await eventually(there, timeout_s=30, what=ModelState.Name(state))
    assert model is not None
    return model


async def test_the_catalogue_tells_what_a_model_fills_in(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    answer = await ada.models.ListModels(image_pb2.ListModelsRequest(), metadata=ada.metadata)
    model = answer.models[0]
    assert (model.id, model.is_default, model.state) == (DEMO, True, ModelState.UNLOADED)
    assert (model.defaults.width_px, model.defaults.steps, model.size_multiple_px) == (256, 12, 32)
    assert model.revision
    assert not answer.next_page_token


async def test_the_default_model_is_loaded_at_the_start(mesh: ImageMesh) -> None:
    model = await comes_to(await mesh.owner(), ModelState.READY)
    assert model.memory_bytes > 1_000_000


async def test_administrators_drop_and_load_models(mesh: ImageMesh) -> None:
    admin = await mesh.admin()
    await comes_to(admin, ModelState.READY)
    await unload(admin)
    model = await comes_to(admin, ModelState.UNLOADED)
    assert model.memory_bytes == 0
    await load(admin)
    await comes_to(admin, ModelState.READY)


async def test_others_do_not(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    for command in (load, unload):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await command(ada)
        assert refusal(caught.value)[:2] == ("PERMISSION_DENIED", "ADMIN_ONLY")


async def test_a_model_that_never_was_is_not_found(idle_mesh: ImageMesh) -> None:
    admin = await idle_mesh.admin()
    for command in (get, load, unload):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await command(admin, "no-such")
        assert refusal(caught.value)[:2] == ("NOT_FOUND", "MODEL_NOT_FOUND")


async def test_without_a_worker_nothing_is_loaded(idle_mesh: ImageMesh) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await load(await idle_mesh.admin())
    assert refusal(caught.value)[:2] == ("UNAVAILABLE", "NO_WORKER")


async def test_a_worker_that_has_left_holds_nothing(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    await comes_to(ada, ModelState.READY)
    await mesh.worker.stop()
    assert (await get(ada)).state == ModelState.UNLOADED


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
    settings = {"image_settings": odd_catalogue, "worker_settings": odd_catalogue}
    async with image_mesh(s3_server, nats_server, tmp_path, **settings) as mesh:
        await mesh.worker.start()
        ada = await mesh.owner()
        failed = await ada.made((await ada.generate(**SMALL, model="missing")).id)
        assert (failed.state, failed.error.reason) == (job_pb2.FAILED, "MODEL_NOT_FOUND")
        assert "/no/such" not in failed.error.message
        assert failed.attempt == 1, "trying again cannot help"
        model = await comes_to(ada, ModelState.FAILED, "missing")
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
