"""Calls of nodes as jobs of a mesh, over the client library."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from atelier.jobs.v1 import job_pb2
from atelier_client.async_client import AsyncClient
from atelier_client.retry import RetryPolicy
from atelier_comfy.absent_mesh import AbsentMesh
from atelier_comfy.mesh_client import ClientMesh
from atelier_nodes.mesh import ClipCall, ImageCall, MeshError, MeshProgress, ModelInfo
from tests.support.wait import eventually
from tests.unit.client.small_mesh import SmallMesh

CALL = ImageCall("3", {"prompt": "a red circle", "steps": 2, "count": 2, "wide_seed": str(2**64 - 1)})


@pytest.fixture
def small_mesh() -> Iterator[SmallMesh]:
    with SmallMesh.start() as mesh:
        yield mesh


@pytest_asyncio.fixture
async def mesh(small_mesh: SmallMesh) -> AsyncIterator[ClientMesh]:
    retry = RetryPolicy(attempts=2, first_wait_s=0.01, longest_wait_s=0.1)
    async with AsyncClient.over_grpc(small_mesh.address, small_mesh.api_key, retry=retry) as client:
        yield ClientMesh(client)


def ignored(_progress: MeshProgress) -> None:
    """Of those who do not watch."""


async def test_an_image_call_is_a_job_whose_progress_is_reported(mesh: ClientMesh, small_mesh: SmallMesh) -> None:
    seen: list[MeshProgress] = []
    answer = await mesh.for_prompt("p").generate_image(CALL, seen.append)
    assert answer.job_id == "image-0"
    assert len(answer.pictures) == 2
    assert answer.latents == ()
    assert [(progress.step, progress.steps) for progress in seen if progress.steps] == [(1, 2), (2, 2)]
    (request,) = small_mesh.images.requests
    assert (request.parameters.prompt, request.parameters.wide_seed) == ("a red circle", 2**64 - 1)


async def test_a_prompt_that_runs_again_gets_the_jobs_that_it_had(mesh: ClientMesh, small_mesh: SmallMesh) -> None:
    first = await mesh.for_prompt("p").generate_image(CALL, ignored)
    assert (await mesh.for_prompt("p").generate_image(CALL, ignored)).job_id == first.job_id
    others = [
        await mesh.for_prompt("q").generate_image(CALL, ignored),
        await mesh.for_prompt("p").generate_image(ImageCall("4", CALL.parameters), ignored),
        await mesh.for_prompt("p").generate_image(ImageCall("3", {**CALL.parameters, "steps": 3}), ignored),
    ]
    assert len({first.job_id, *(answer.job_id for answer in others)}) == 4


async def test_a_call_that_is_cancelled_cancels_its_job(mesh: ClientMesh, small_mesh: SmallMesh) -> None:
    small_mesh.images.hold = True
    calling = asyncio.create_task(mesh.for_prompt("p").generate_image(CALL, ignored))
    await eventually(lambda: small_mesh.images.watched_after)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert small_mesh.images.images["image-0"].state == job_pb2.CANCELED


async def test_a_job_that_fails_fails_the_call_with_its_reason(mesh: ClientMesh, small_mesh: SmallMesh) -> None:
    small_mesh.images.fail = True
    with pytest.raises(MeshError, match="does not fit") as failed:
        await mesh.for_prompt("p").generate_image(CALL, ignored)
    assert failed.value.reason == "OUT_OF_MEMORY"


async def test_parameters_that_the_contract_does_not_have_are_refused(mesh: ClientMesh) -> None:
    with pytest.raises(MeshError, match="brushes"):
        await mesh.for_prompt("p").generate_image(ImageCall("3", {"brushes": 7}), ignored)


async def test_files_and_models_come_from_the_mesh(mesh: ClientMesh) -> None:
    calls = mesh.for_prompt("p")
    assert await calls.read_asset(await calls.store_asset(b"bytes", "image/png", "a.png")) == b"bytes"
    assert [(model.id, model.kind, model.name) for model in await calls.models()] == [
        ("demo", "image", "Demo"),
        ("demo-clips", "video", "Demo of clips"),
    ]


async def test_models_of_kinds_that_are_unavailable_hide_no_others(mesh: ClientMesh, small_mesh: SmallMesh) -> None:
    small_mesh.models.unreachable = ["video"]
    assert [model.id for model in await mesh.models()] == ["demo"]


async def test_without_a_mesh_each_call_names_the_flag() -> None:
    mesh = AbsentMesh()
    with pytest.raises(MeshError, match="--mesh URL") as refused:
        await mesh.for_prompt("p").generate_clip(ClipCall("1", {}), ignored)
    assert refused.value.reason == "NO_MESH"
    none: tuple[ModelInfo, ...] = ()
    assert await mesh.models() == none
