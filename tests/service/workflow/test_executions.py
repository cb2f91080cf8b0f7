"""Executions: graphs become jobs, nodes report, outputs are assets, failures name their node."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from atelier.events.v1 import events_pb2
from atelier.jobs.v1 import job_pb2, job_service_pb2
from atelier.workflow.v1 import execution_pb2, workflow_pb2
from tests.service.owner import refusal
from tests.service.workflow.execution_nodes import EXECUTION_NODES, GATES, RAN
from tests.service.workflow.small_nodes import SEED, graph, text
from tests.service.workflow.test_workflows import refused, seed_input
from tests.service.workflow.workflow_mesh import Caller, WorkflowMesh, report_nodes
from tests.service.workflow.working_mesh import working_mesh
from tests.support.nats import NatsServer
from tests.support.s3 import S3Server
from tests.support.wait import eventually


@pytest.fixture
async def resting(s3_server: S3Server, nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkflowMesh]:
    """The nodes are known, and the worker is not started yet."""
    GATES.clear()
    RAN.clear()
    async with working_mesh(s3_server, nats_server, tmp_path) as mesh:
        await report_nodes(mesh, EXECUTION_NODES)
        yield mesh


@pytest.fixture
async def working(resting: WorkflowMesh) -> WorkflowMesh:
    """With a worker."""
    await resting.worker.start()
    return resting


@pytest.fixture
async def bob(working: WorkflowMesh) -> Caller:
    """A caller."""
    return await working.owner("bob")


def square(color: str = "red", **inputs: Any) -> dict[str, Any]:
    """A graph that saves a square."""
    return {"1": {"class_type": "SaveSquare", "inputs": {"color": color, "size_px": 8, **inputs}}}


def gated(name: str, value: int = 1) -> dict[str, Any]:
    """A graph that waits for a gate."""
    GATES[name] = asyncio.Event()
    return {
        "1": {"class_type": "Gate", "inputs": {"name": name, "value": value}},
        "2": {"class_type": "Show", "inputs": {"number": ["1", 0], "mode": "plain"}},
    }


def details(events: list[events_pb2.Event]) -> list[execution_pb2.ExecutionProgress]:
    """The progress of the events."""
    found = []
    for event in events:
        update = event.snapshot if event.HasField("snapshot") else event.generation_progress
        detail = execution_pb2.ExecutionProgress()
        update.progress.detail.Unpack(detail)
        found.append(detail)
    return found


async def test_a_graph_runs_and_its_seed_has_all_digits(bob: Caller) -> None:
    started = await bob.run(text(graph(SEED - 5, b=5)))
    ended = await bob.ended(started.id)

    assert ended.state == job_pb2.SUCCEEDED, ended.error
    assert [(output.node_id, output.field, output.value) for output in ended.outputs] == [("3", "text", f'"{SEED}"')]
    assert (ended.progress.nodes_done, ended.progress.nodes_total) == (3, 3)
    assert ended.progress.fraction == 1


async def test_files_become_assets(bob: Caller) -> None:
    ended = await bob.ended((await bob.run(text(square("lime")))).id)

    file, value = ended.outputs
    assert (file.node_id, file.field, file.filename, file.content_type) == ("1", "images", "1.png", "image/png")
    assert (file.width_px, file.height_px, file.temporary) == (8, 8, False)
    assert file.content_url == f"/api/v1/assets/{file.asset_id}/content"
    assert (value.field, value.value) == ("colors", '"lime"')
    assert await bob.asset_ids() == {file.asset_id}


async def test_typed_inputs_reach_their_nodes(bob: Caller) -> None:
    stored = await bob.create(
        graph=text(graph(1)),
        inputs=[seed_input(), seed_input(name="plus", targets=[workflow_pb2.NodeInputPath(node_id="2", input="b")])],
        outputs=[workflow_pb2.WorkflowOutput(name="sum", node_id="3")],
    )
    ended = await bob.ended((await bob.execute(stored.id, f'{{"seed": {SEED - 2}}}')).id)

    assert (ended.workflow_id, ended.version) == (stored.id, 1)
    assert json.loads(ended.inputs) == {"seed": SEED - 2, "plus": 2}
    assert [(output.name, output.value) for output in ended.outputs] == [("sum", f'"{SEED}"')]


async def test_an_earlier_version_is_executed_on_request(bob: Caller) -> None:
    stored = await bob.create(graph=text(graph(1)))
    await bob.change(stored.id, graph=text(graph(5)))

    first = await bob.ended((await bob.execute(stored.id, version=1)).id)
    latest = await bob.ended((await bob.execute(stored.id)).id)
    assert [ended.outputs[0].value for ended in (first, latest)] == ['"3"', '"7"']


@pytest.mark.parametrize(
    ("inputs", "fields"),
    [
        ('{"sede": 1}', ["inputs.sede"]),
        ('{"seed": 1.5}', ["inputs.seed"]),
        ('{"seed": true}', ["inputs.seed"]),
        ('{"seed": 18446744073709551616}', ["inputs.seed"]),
        ('{"seed": 3}', ["inputs.seed"]),
        ("[]", ["inputs"]),
        ("{", ["inputs"]),
    ],
)
async def test_wrong_inputs_are_named(bob: Caller, inputs: str, fields: list[str]) -> None:
    stored = await bob.create(graph=text(graph(9)), inputs=[seed_input(minimum=5)])

    assert await refused(bob.execute(stored.id, inputs)) == ("INVALID_ARGUMENT", "INVALID_EXECUTION_INPUTS", fields)


async def test_a_required_input_is_required(bob: Caller) -> None:
    stored = await bob.create(graph=text(graph(9)), inputs=[seed_input(required=True)])

    wrong = ("INVALID_ARGUMENT", "INVALID_EXECUTION_INPUTS", ["inputs.seed"])
    assert await refused(bob.execute(stored.id)) == wrong
    assert (await bob.ended((await bob.execute(stored.id, '{"seed": 1}')).id)).outputs[0].value == '"3"'


async def test_a_failure_names_its_node(bob: Caller) -> None:
    failing = graph() | {
        "4": {"class_type": "Fail", "inputs": {"value": ["2", 0]}},
        "3": {"class_type": "Show", "inputs": {"number": ["4", 0], "mode": "plain"}},
    }
    ended = await bob.ended((await bob.run(text(failing))).id)

    assert (ended.state, ended.error.reason) == (job_pb2.FAILED, "NODE_FAILED")
    assert ended.error.message == "node 4 (Fail): no 3 today"
    failed = ended.node_error
    assert (failed.node_id, failed.class_type, failed.type, failed.message) == ("4", "Fail", "ValueError", "no 3 today")
    assert ended.attempt == 1


async def test_a_failure_names_files_without_the_path_of_the_server(bob: Caller) -> None:
    failing = {"1": {"class_type": "Misplace", "inputs": {}}}
    failing["3"] = {"class_type": "Show", "inputs": {"number": ["1", 0], "mode": "plain"}}
    ended = await bob.ended((await bob.run(text(failing))).id)

    assert ended.node_error.message == "[Errno 2] No such file or directory: 'output/missing.png'"
    assert ended.error.message == f"node 1 (Misplace): {ended.node_error.message}"


async def test_equal_files_are_one_asset(bob: Caller) -> None:
    storing = {"1": {"class_type": "Store", "inputs": {"count": 3}}}
    storing["3"] = {"class_type": "Show", "inputs": {"number": ["1", 0], "mode": "plain"}}

    assert (await bob.ended((await bob.run(text(storing))).id)).outputs[0].value == '"1"'


@pytest.mark.parametrize("said", ["../../../escape.png", "missing.png", "/etc/passwd"])
async def test_a_file_elsewhere_is_no_output(bob: Caller, said: str) -> None:
    ended = await bob.ended((await bob.run(text(square(says=said)))).id)

    assert (ended.state, ended.error.reason) == (job_pb2.FAILED, "OUTPUT_LOST")
    assert not await bob.asset_ids()


async def test_events_contain_nodes_and_end_once(bob: Caller) -> None:
    started = await bob.run(text(gated("events")))
    watching = asyncio.create_task(bob.watch(started.id))
    await eventually(lambda: "1" in RAN, timeout_s=10, what="the node waits")

    async def stepped() -> bool:
        return (await bob.execution(started.id)).progress.step == 1

    await eventually(stepped, timeout_s=10, what="the step of the node is stored")
    running = await bob.execution(started.id)
    assert [(node.node_id, node.class_type, node.step, node.steps) for node in running.progress.running] == [
        ("1", "Gate", 1, 4)
    ]
    GATES["events"].set()
    events = await watching

    assert [event.generation_progress.terminal for event in events].count(True) == 1
    assert any((each.node_id, each.step, each.steps) == ("1", 1, 4) for each in details(events))
    durable = await bob.watch(started.id, after_seq=0)
    assert [event.seq for event in durable] == sorted({event.seq for event in durable})


async def test_a_cancelled_execution_stops(bob: Caller) -> None:
    started = await bob.run(text(gated("never")))
    await eventually(lambda: "1" in RAN, timeout_s=10, what="the node waits")
    await bob.cancel(started.id)

    assert (await bob.ended(started.id)).state == job_pb2.CANCELED


async def test_an_execution_goes_on_after_its_worker(working: WorkflowMesh, bob: Caller) -> None:
    started = await bob.run(text(gated("later")))
    await eventually(lambda: "1" in RAN, timeout_s=10, what="the node waits")
    await working.worker.stop()
    GATES["later"] = asyncio.Event()
    GATES["later"].set()
    await working.worker.start()

    ended = await bob.ended(started.id)
    assert (ended.state, ended.attempt) == (job_pb2.SUCCEEDED, 2)
    assert RAN == ["1", "1"]


async def test_a_repeat_under_the_same_key_is_the_first_execution(bob: Caller) -> None:
    key = (("idempotency-key", "once"),)
    first = await bob.run(text(graph()), headers=key)

    assert (await bob.run(text(graph()), headers=key)).id == first.id
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await bob.run(text(graph(7)), headers=key)
    assert refusal(caught.value)[:2] == ("ALREADY_EXISTS", "IDEMPOTENCY_KEY_REUSED")


async def test_a_caller_waits_for_the_end(bob: Caller) -> None:
    ended = await bob.run(text(graph()), headers=(("prefer", "wait=20"),))

    assert ended.state == job_pb2.SUCCEEDED
    assert ended.outputs[0].value == '"3"'


async def test_others_see_nothing_of_an_execution(working: WorkflowMesh, bob: Caller) -> None:
    eve: Caller = await working.owner("eve")
    ended = await bob.ended((await bob.run(text(square()))).id)

    gone: tuple[str, str, list[str]] = ("NOT_FOUND", "EXECUTION_NOT_FOUND", [])
    assert await refused(eve.execution(ended.id)) == gone
    assert await refused(eve.cancel(ended.id)) == gone
    assert await refused(eve.execute((await bob.create(graph=text(graph()))).id)) == (
        "NOT_FOUND", "WORKFLOW_NOT_FOUND", [],
    )  # fmt: skip
    wrong = await refused(eve.run(text(graph()), asset_ids=[ended.outputs[0].asset_id]))
    assert wrong == ("NOT_FOUND", "ASSET_NOT_FOUND", [])


async def test_an_execution_is_a_job_among_jobs(bob: Caller) -> None:
    ended = await bob.ended((await bob.run(text(graph()), metadata={"project": "x"})).id)

    job = await bob.jobs.GetJob(job_service_pb2.GetJobRequest(id=ended.id), metadata=bob.metadata)
    assert (job.kind, job.labels["project"]) == ("workflow", "x")
    assert job.links.self == f"/api/v1/executions/{ended.id}"


async def test_a_deleted_execution_takes_its_files_and_its_graph_with_it(working: WorkflowMesh, bob: Caller) -> None:
    ended = await bob.ended((await bob.run(text(square()))).id)
    delete = execution_pb2.DeleteExecutionRequest(id=ended.id)
    await bob.executions.DeleteExecution(delete, metadata=bob.metadata)

    await working.settled(bob)
    assert not list((working.folder / "work" / "worker-1").glob(f"{ended.id}*"))
