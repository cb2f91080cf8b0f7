"""What nodes ask of the mesh are jobs of the execution: made once, watched, cancelled with it, closed to others."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from atelier.auth.v1 import auth_pb2
from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier.jobs.v1 import job_pb2, job_service_pb2
from atelier.storage.v1 import storage_pb2
from atelier.workflow.v1 import execution_pb2
from tests.service.auth.running_auth import bearer
from tests.service.owner import Metadata, refusal
from tests.service.part import Part
from tests.service.workflow.execution_nodes import EXECUTION_NODES, GATES, RAN
from tests.service.workflow.small_nodes import text
from tests.service.workflow.workflow_mesh import Caller, WorkflowMesh, report_nodes
from tests.service.workflow.working_mesh import images_beside
from tests.support.nats import NatsServer
from tests.support.s3 import S3Server
from tests.support.wait import eventually

PROMPT = "a red circle on a blue background"


@dataclass(frozen=True)
class Beside:
    """A mesh with images beside it."""

    mesh: WorkflowMesh
    image_worker: Part[Any]
    images: image_pb2_grpc.ImageServiceStub
    caller: Caller

    async def children(self, execution_id: str) -> list[job_service_pb2.Job]:
        """The jobs of an execution."""
        request = job_service_pb2.ListJobsRequest(parent_id=execution_id, kinds=["image"])
        return list((await self.caller.jobs.ListJobs(request, metadata=self.caller.metadata)).jobs)


@pytest.fixture
async def beside(s3_server: S3Server, nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Beside]:
    """Both workers are not started yet; the nodes are known."""
    GATES.clear()
    RAN.clear()
    async with images_beside(s3_server, nats_server, tmp_path) as (mesh, image_worker, images):
        await report_nodes(mesh, EXECUTION_NODES)
        yield Beside(mesh, image_worker, images, await mesh.owner("ada"))


def drawing(count: int, steps: int = 2) -> dict[str, Any]:
    """A graph of so many pictures, each shown as its size in bytes."""
    found: dict[str, Any] = {}
    for number in range(count):
        draw = {"prompt": PROMPT, "seed": number, "steps": steps}
        found[f"draw{number}"] = {"class_type": "Draw", "inputs": draw}
        shown = {"number": [f"draw{number}", 1], "mode": "plain"}
        found[f"show{number}"] = {"class_type": "Show", "inputs": shown}
    return found


async def refused(call: Any) -> tuple[str, str]:
    """Code and reason of a refusal."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return refusal(caught.value)[:2]


async def test_pictures_of_nodes_are_jobs_of_the_execution(beside: Beside) -> None:
    await beside.image_worker.start()
    await beside.mesh.worker.start()
    started = await beside.caller.run(text(drawing(2)))
    ended = await beside.caller.ended(started.id)

    assert ended.state == job_pb2.SUCCEEDED, ended.error
    children = await beside.children(started.id)
    assert [(child.kind, child.state, child.parent_id) for child in children] == [
        ("image", job_pb2.SUCCEEDED, started.id)
    ] * 2
    assert len({child.trace_id for child in children} | {ended.trace_id}) == 1
    assert [int(output.value.strip('"')) > 100 for output in ended.outputs] == [True, True]


async def test_a_worker_that_goes_on_draws_nothing_twice(beside: Beside) -> None:
    await beside.mesh.worker.start()
    started = await beside.caller.run(text(drawing(10)))

    async def submitted() -> bool:
        return len(await beside.children(started.id)) == 10

    await eventually(submitted, timeout_s=20, what="ten jobs wait")
    await beside.mesh.worker.stop()
    await beside.image_worker.start()
    await beside.mesh.worker.start()
    ended = await beside.caller.ended(started.id)

    assert (ended.state, ended.attempt) == (job_pb2.SUCCEEDED, 2), ended.error
    children = await beside.children(started.id)
    assert [child.state for child in children] == [job_pb2.SUCCEEDED] * 10
    assert len(ended.outputs) == 10


async def test_a_cancelled_execution_cancels_its_jobs(beside: Beside) -> None:
    await beside.mesh.worker.start()
    started = await beside.caller.run(text(drawing(2)))

    async def submitted() -> bool:
        return len(await beside.children(started.id)) == 2

    await eventually(submitted, timeout_s=20, what="two jobs wait")
    await beside.caller.cancel(started.id)
    assert (await beside.caller.ended(started.id)).state == job_pb2.CANCELED

    async def cancelled() -> bool:
        return {child.state for child in await beside.children(started.id)} == {job_pb2.CANCELED}

    await eventually(cancelled, timeout_s=10, what="both jobs are cancelled")


async def two_waiting(beside: Beside) -> str:
    """An execution whose two jobs wait; its id."""
    await beside.mesh.worker.start()
    started = await beside.caller.run(text(drawing(2)))

    async def submitted() -> bool:
        return len(await beside.children(started.id)) == 2

    await eventually(submitted, timeout_s=20, what="two jobs wait")
    return str(started.id)


async def until_cancelled(beside: Beside, execution_id: str) -> None:
    """Waits until both jobs of an execution are cancelled."""

    async def cancelled() -> bool:
        return [child.state for child in await beside.children(execution_id)] == [job_pb2.CANCELED] * 2

    await eventually(cancelled, timeout_s=10, what="both jobs are cancelled")


@pytest.mark.parametrize("of_any_kind", [False, True], ids=["execution", "job"])
async def test_a_deleted_execution_cancels_its_jobs(beside: Beside, of_any_kind: bool) -> None:
    execution_id = await two_waiting(beside)
    metadata = beside.caller.metadata
    if of_any_kind:
        await beside.caller.jobs.DeleteJob(job_service_pb2.DeleteJobRequest(id=execution_id), metadata=metadata)
    else:
        request = execution_pb2.DeleteExecutionRequest(id=execution_id)
        await beside.caller.executions.DeleteExecution(request, metadata=metadata)

    await until_cancelled(beside, execution_id)


@pytest.mark.parametrize("of_any_kind", [False, True], ids=["execution", "job"])
async def test_an_execution_without_a_worker_is_cancelled_with_its_jobs(beside: Beside, of_any_kind: bool) -> None:
    execution_id = await two_waiting(beside)
    await beside.mesh.worker.stop()
    if of_any_kind:
        request = job_service_pb2.CancelJobRequest(id=execution_id)
        await beside.caller.jobs.CancelJob(request, metadata=beside.caller.metadata)
    else:
        await beside.caller.cancel(execution_id)

    assert (await beside.caller.ended(execution_id)).state == job_pb2.CANCELED
    await until_cancelled(beside, execution_id)


async def test_a_refused_job_fails_its_node(beside: Beside) -> None:
    await beside.mesh.worker.start()
    graph = drawing(1)
    graph["draw0"]["inputs"]["steps"] = 201
    ended = await beside.caller.ended((await beside.caller.run(text(graph))).id)

    assert (ended.state, ended.error.reason) == (job_pb2.FAILED, "NODE_FAILED")
    assert ended.node_error.node_id == "draw0"
    assert "steps" in ended.error.message
    assert not await beside.children(ended.id)


async def token_of(beside: Beside, execution_id: str, *, is_parent: bool = True) -> Metadata:
    """The token of an execution, as its worker has it."""
    job = await beside.caller.jobs.GetJob(
        job_service_pb2.GetJobRequest(id=execution_id), metadata=beside.caller.metadata
    )
    assert job.kind == "workflow"
    request = auth_pb2.CreateJobTokenRequest(
        user_id="ada", worker="atelier-workflow-worker", kind="workflow", job_id=execution_id, epoch=1,
        expires_in_s=60, is_parent=is_parent,
    )  # fmt: skip
    service = await beside.mesh.auth.as_service("atelier-workflow")
    return bearer((await beside.mesh.auth.auth.CreateJobToken(request, metadata=service)).access_token)


async def test_the_token_of_an_execution_reaches_its_jobs_and_no_others(beside: Beside) -> None:
    mine, other = [await beside.caller.run(text(drawing(1))) for _ in range(2)]
    token = await token_of(beside, mine.id)
    parameters = image_pb2.GenerationParameters(prompt=PROMPT, width_px=64, height_px=64, steps=2)
    images, generate = beside.images, image_pb2.GenerateImageRequest

    child = await images.GenerateImage(generate(parameters=parameters, parent_id=mine.id), metadata=token)
    assert (await images.GetImage(image_pb2.GetImageRequest(id=child.id), metadata=token)).id == child.id
    denied = ("PERMISSION_DENIED", "JOB_TOKEN")
    assert await refused(images.GenerateImage(generate(parameters=parameters), metadata=token)) == denied
    elsewhere = generate(parameters=parameters, parent_id=other.id)
    assert await refused(images.GenerateImage(elsewhere, metadata=token)) == denied
    own = await images.GenerateImage(generate(parameters=parameters), metadata=beside.caller.metadata)
    gone = "NOT_FOUND"
    assert (await refused(images.GetImage(image_pb2.GetImageRequest(id=own.id), metadata=token)))[0] == gone
    assert (await refused(images.CancelImage(image_pb2.CancelImageRequest(id=own.id), metadata=token)))[0] == gone
    watch = images.WatchImage(image_pb2.WatchImageRequest(id=own.id), metadata=token)
    assert (await refused(watch.read()))[0] == gone
    assert await refused(images.ListImages(image_pb2.ListImagesRequest(), metadata=token)) == denied
    delete = image_pb2.DeleteImageRequest(id=child.id)
    assert await refused(images.DeleteImage(delete, metadata=token)) == denied
    page = beside.caller.assets.ListAssets(storage_pb2.ListAssetsRequest(), metadata=token)
    assert await refused(page) == denied
    cancelled = await images.CancelImage(image_pb2.CancelImageRequest(id=child.id), metadata=token)
    assert cancelled.state == job_pb2.CANCELED


async def test_the_token_of_any_other_job_makes_no_jobs(beside: Beside) -> None:
    mine = await beside.caller.run(text(drawing(1)))
    token = await token_of(beside, mine.id, is_parent=False)
    request = image_pb2.GenerateImageRequest(
        parameters=image_pb2.GenerationParameters(prompt=PROMPT), parent_id=mine.id
    )

    assert await refused(beside.images.GenerateImage(request, metadata=token)) == ("PERMISSION_DENIED", "JOB_TOKEN")


async def test_a_key_of_the_owner_is_none_of_the_execution(beside: Beside) -> None:
    mine = await beside.caller.run(text(drawing(1)))
    token = await token_of(beside, mine.id)
    parameters = image_pb2.GenerationParameters(prompt=PROMPT)
    own = image_pb2.GenerateImageRequest(parameters=parameters, request_id="k")
    await beside.images.GenerateImage(own, metadata=beside.caller.metadata)
    child = image_pb2.GenerateImageRequest(parameters=parameters, request_id="k", parent_id=mine.id)

    assert (await refused(beside.images.GenerateImage(child, metadata=token)))[0] == "NOT_FOUND"


async def test_executions_share_the_pictures_of_the_cache(beside: Beside) -> None:
    await beside.image_worker.start()
    await beside.mesh.worker.start()
    first = await beside.caller.ended((await beside.caller.run(text(drawing(1)))).id)
    second = await beside.caller.ended((await beside.caller.run(text(drawing(1)))).id)

    (one,), (two,) = await asyncio.gather(beside.children(first.id), beside.children(second.id))
    assert (one.cached, two.cached) == (False, True)
