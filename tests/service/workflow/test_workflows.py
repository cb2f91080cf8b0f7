"""Workflows: versions, validation, owners, etags, templates and nodes."""

import json
from typing import Any

import grpc.aio
import pytest

from atelier.workflow.v1 import workflow_pb2
from tests.service.owner import refusal
from tests.service.workflow.small_nodes import SEED, graph, text
from tests.service.workflow.workflow_mesh import Caller, WorkflowMesh, report_nodes

INT = workflow_pb2.INT
GONE: tuple[str, str, list[str]] = ("NOT_FOUND", "WORKFLOW_NOT_FOUND", [])


def seed_input(**fields: Any) -> workflow_pb2.WorkflowInput:
    """A typed input for the number."""
    target = workflow_pb2.NodeInputPath(node_id="1", input="value")
    return workflow_pb2.WorkflowInput(**{"name": "seed", "type": INT, "targets": [target], **fields})


async def refused(call: Any) -> tuple[str, str, list[str]]:
    """Code, reason and fields of a refusal."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return refusal(caught.value)


async def test_a_graph_is_stored_and_read_digit_for_digit(ada: Caller) -> None:
    stored = await ada.create(graph=text(graph(SEED)), inputs=[seed_input()])

    read = await ada.workflow(stored.id)
    assert json.loads(read.definition.graph)["1"]["inputs"]["value"] == SEED
    assert (read.version, read.latest_version, read.node_count) == (1, 1, 3)
    assert read.definition.inputs[0].name == "seed"
    assert read.links.execute == f"/api/v1/workflows/{stored.id}/execute"


async def test_every_change_is_a_version_and_old_ones_stay(ada: Caller) -> None:
    stored = await ada.create(graph=text(graph(1)))
    changed = await ada.change(stored.id, graph=text(graph(2)))

    assert (changed.version, changed.etag) == (2, '"2"')
    first = await ada.workflow(stored.id, 1)
    assert json.loads(first.definition.graph)["1"]["inputs"]["value"] == 1
    assert first.latest_version == 2
    assert await refused(ada.workflow(stored.id, 3)) == GONE


async def test_a_lost_update_is_refused(ada: Caller) -> None:
    stored = await ada.create(graph=text(graph(1)))
    await ada.change(stored.id, stored.etag, graph=text(graph(2)))

    late = ada.change(stored.id, stored.etag, graph=text(graph(3)))
    assert await refused(late) == ("FAILED_PRECONDITION", "VERSION_CONFLICT", [])
    assert (await ada.workflow(stored.id)).version == 2


async def test_each_fault_names_node_and_input(ada: Caller) -> None:
    broken = graph(1, b=2000) | {
        "4": {"class_type": "Show", "inputs": {"number": ["9", 0], "mode": "quiet"}},
    }

    code, reason, fields = await refused(ada.create(graph=text(broken)))
    assert (code, reason) == ("INVALID_ARGUMENT", "INVALID_GRAPH")
    assert sorted(fields) == ["graph.2.inputs.b", "graph.4.inputs.mode", "graph.4.inputs.number"]


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ("[]", ["graph"]),
        ("{", ["graph"]),
        ("", ["workflow.graph"]),
        ("{}", ["graph"]),
        ('{"1": "node"}', ["graph.1"]),
        ('{"1": {"class_type": "Nothing", "inputs": {}}}', ["graph.1"]),
        ("[" * 100_000, ["graph"]),
    ],
    ids=["list", "cut", "empty", "no nodes", "text", "unknown class", "deep"],
)
async def test_what_is_no_graph_is_refused(ada: Caller, wrong: str, fields: list[str]) -> None:
    assert await refused(ada.create(graph=wrong)) == ("INVALID_ARGUMENT", "INVALID_GRAPH", fields)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"inputs": [seed_input(), seed_input()]}, ["workflow.inputs[1].name"]),
        (
            {"inputs": [seed_input(targets=[workflow_pb2.NodeInputPath(node_id="7", input="a")])]},
            ["workflow.inputs[0].targets[0]"],
        ),
        (
            {"inputs": [seed_input(targets=[workflow_pb2.NodeInputPath(node_id="2", input="a")])]},
            ["workflow.inputs[0].targets[0]"],
        ),
        ({"inputs": [seed_input(default="[" * 60_000)]}, ["workflow.inputs[0].default"]),
        ({"inputs": [seed_input(default="x")]}, ["workflow.inputs[0].default"]),
        ({"inputs": [seed_input(minimum=5, default="3")]}, ["workflow.inputs[0].default"]),
        ({"outputs": [workflow_pb2.WorkflowOutput(name="o", node_id="9")]}, ["workflow.outputs[0].node_id"]),
    ],
)
async def test_inputs_and_outputs_fit_the_graph(ada: Caller, fields: dict[str, Any], names: list[str]) -> None:
    assert await refused(ada.create(graph=text(graph()), **fields)) == ("INVALID_ARGUMENT", "INVALID_WORKFLOW", names)


@pytest.mark.parametrize("inputs", [None, 5, "text", []])
async def test_inputs_of_a_node_that_are_no_object_are_refused(ada: Caller, inputs: object) -> None:
    target = graph() | {"1": {"class_type": "Add", "inputs": inputs}}
    beside = graph() | {"9": {"class_type": "Add", "inputs": inputs}}

    named = ("INVALID_ARGUMENT", "INVALID_WORKFLOW", ["workflow.inputs[0].targets[0]"])
    assert await refused(ada.create(graph=text(target), inputs=[seed_input()])) == named
    malformed = ("INVALID_ARGUMENT", "INVALID_GRAPH", ["graph.9"])
    assert await refused(ada.create(graph=text(beside), inputs=[seed_input()])) == malformed


async def test_a_fault_of_any_length_is_named(ada: Caller) -> None:
    unknown = graph() | {"1": {"class_type": "y" * 200_000, "inputs": {}}}
    assert await refused(ada.create(graph=text(unknown))) == ("INVALID_ARGUMENT", "INVALID_GRAPH", ["graph.1"])

    many = {str(number): {"class_type": "Show", "inputs": {"mode": "y" * 5000}} for number in range(300)}
    code, reason, fields = await refused(ada.create(graph=text(many)))
    assert (code, reason, fields[0]) == ("INVALID_ARGUMENT", "INVALID_GRAPH", "graph.0.inputs.number")


async def test_others_see_nothing_of_a_workflow(mesh: WorkflowMesh, ada: Caller) -> None:
    eve: Caller = await mesh.owner("eve")
    stored = await ada.create(graph=text(graph()))

    assert await refused(eve.workflow(stored.id)) == GONE
    assert await refused(eve.change(stored.id, graph=text(graph()))) == GONE
    delete = workflow_pb2.DeleteWorkflowRequest(id=stored.id)
    assert await refused(eve.workflows.DeleteWorkflow(delete, metadata=eve.metadata)) == GONE
    page = await eve.workflows.ListWorkflows(workflow_pb2.ListWorkflowsRequest(), metadata=eve.metadata)
    assert not page.workflows


async def test_pages_have_no_graphs_and_miss_nothing(ada: Caller) -> None:
    ids = [(await ada.create(graph=text(graph(number)))).id for number in range(3)]

    first = await ada.workflows.ListWorkflows(workflow_pb2.ListWorkflowsRequest(page_size=2), metadata=ada.metadata)
    rest = await ada.workflows.ListWorkflows(
        workflow_pb2.ListWorkflowsRequest(page_size=2, page_token=first.next_page_token), metadata=ada.metadata
    )
    assert [workflow.id for workflow in [*first.workflows, *rest.workflows]] == ids[::-1]
    assert not rest.next_page_token
    assert not any(workflow.definition.graph for workflow in first.workflows)


async def test_a_deleted_workflow_is_gone_with_its_versions(ada: Caller) -> None:
    stored = await ada.create(graph=text(graph()))
    await ada.change(stored.id, graph=text(graph(2)))
    await ada.workflows.DeleteWorkflow(workflow_pb2.DeleteWorkflowRequest(id=stored.id), metadata=ada.metadata)

    assert await refused(ada.workflow(stored.id, 1)) == GONE


async def test_a_published_version_is_a_template_for_all_users(mesh: WorkflowMesh, ada: Caller) -> None:
    admin: Caller = await mesh.admin()
    stored = await admin.create(name="sum", graph=text(graph(1)), inputs=[seed_input()])
    publish = workflow_pb2.PublishWorkflowRequest(id=stored.id)
    await admin.workflows.PublishWorkflow(publish, metadata=admin.metadata)
    await admin.change(stored.id, graph=text(graph(2)))

    listed = await ada.workflows.ListWorkflowTemplates(
        workflow_pb2.ListWorkflowTemplatesRequest(), metadata=ada.metadata
    )
    assert stored.id in [template.id for template in listed.workflows]
    assert (await ada.workflow(stored.id)).version == 1
    assert await refused(ada.workflow(stored.id, 2)) == GONE
    own = await ada.create(name="mine", template_id=stored.id)
    assert (own.definition.name, own.definition.graph) == ("mine", text(graph(1)))
    assert own.definition.inputs[0].name == "seed"
    assert await refused(ada.change(stored.id, graph=text(graph(3)))) == GONE
    await admin.workflows.PublishWorkflow(
        workflow_pb2.PublishWorkflowRequest(id=stored.id, withdraw=True), metadata=admin.metadata
    )
    assert await refused(ada.workflow(stored.id)) == GONE


async def test_only_administrators_publish(ada: Caller) -> None:
    stored = await ada.create(graph=text(graph()))
    publish = workflow_pb2.PublishWorkflowRequest(id=stored.id)

    call = ada.workflows.PublishWorkflow(publish, metadata=ada.metadata)
    assert await refused(call) == ("PERMISSION_DENIED", "ADMIN_ONLY", [])


async def test_nodes_are_those_that_workers_report(mesh: WorkflowMesh, ada: Caller) -> None:
    nodes = await ada.workflows.ListNodes(workflow_pb2.ListNodesRequest(category="small"), metadata=ada.metadata)
    assert [node.class_type for node in nodes.nodes] == ["Add", "Number", "Show"]
    show = await ada.workflows.GetNode(workflow_pb2.GetNodeRequest(class_type="Show"), metadata=ada.metadata)
    assert [(each.name, each.type, list(each.choices)) for each in show.inputs] == [
        ("number", "INT", []),
        ("mode", "COMBO", ["plain", "loud"]),
    ]
    missing = ada.workflows.GetNode(workflow_pb2.GetNodeRequest(class_type="None"), metadata=ada.metadata)
    assert await refused(missing) == ("NOT_FOUND", "NODE_NOT_FOUND", [])


async def test_without_a_report_nothing_is_validated(bare_mesh: WorkflowMesh) -> None:
    caller: Caller = await bare_mesh.owner("ada")

    assert await refused(caller.create(graph=text(graph()))) == ("UNAVAILABLE", "NO_NODES", [])
    await report_nodes(bare_mesh)
    assert (await caller.create(graph=text(graph()))).version == 1
