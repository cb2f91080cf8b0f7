"""A graph in a JSON body reaches the service as the text that was sent, digit for digit."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from atelier.workflow.v1 import execution_pb2, workflow_pb2
from tests.gateway.mesh import Gateway
from tests.gateway.shapes import Recorder, run_shapes

pytestmark = pytest.mark.asyncio(loop_scope="session")

Running = tuple[Gateway, Recorder, dict[str, str]]
WORKFLOW = "/api/v1/workflows/1"
EXECUTIONS = "/api/v1/executions"
GRAPH = (
    '{ "3": {"class_type": "KSampler", "inputs": '
    '{"seed": 18446744073709551615, "cfg": 1.10, "text": "\\"{ä\\u00e4\\\\"}} }'
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with run_shapes(tmp_path_factory.mktemp("raw")) as running:
        yield running


async def _send(running: Running, body: str | bytes, path: str = WORKFLOW) -> Any:
    gateway, recorder, headers = running
    recorder.request = None
    content = body.encode() if isinstance(body, str) else body
    verb = "PUT" if path == WORKFLOW else "POST"
    return await gateway.rest.request(verb, path, headers=headers, content=content, timeout=30)


def _stored(running: Running) -> workflow_pb2.WorkflowDefinition:
    return workflow_pb2.UpdateWorkflowRequest.FromString(running[1].request or b"").workflow


async def test_an_object_arrives_as_its_text(running: Running) -> None:
    answer = await _send(running, f'{{"name": "w", "graph":{GRAPH}, "description": "d"}}')

    assert answer.status_code == 200, answer.text
    stored = _stored(running)
    assert (stored.name, stored.description, stored.graph) == ("w", "d", GRAPH)
    assert json.loads(stored.graph)["3"]["inputs"]["seed"] == 2**64 - 1


async def test_a_string_is_the_text_already(running: Running) -> None:
    answer = await _send(running, json.dumps({"name": "w", "graph": GRAPH}))

    assert answer.status_code == 200, answer.text
    assert _stored(running).graph == GRAPH


async def test_a_graph_over_several_lines_arrives_with_them(running: Running) -> None:
    graph = '{\r\n\t"1": {}\n}'

    assert (await _send(running, f'{{"name": "w", "graph": {graph}}}')).status_code == 200
    assert _stored(running).graph == graph


@pytest.mark.parametrize(
    ("value", "text"), [("18446744073709551615", "18446744073709551615"), ("true", "true"), ('"a"', "a")]
)
async def test_a_default_may_be_any_scalar(running: Running, value: str, text: str) -> None:
    body = f'{{"name": "w", "graph": {{}}, "inputs": [{{"name": "seed", "default": {value}}}]}}'

    assert (await _send(running, body)).status_code == 200
    assert _stored(running).inputs[0].default == text


async def test_null_stands_for_nothing(running: Running) -> None:
    body = '{"name": "w", "graph": null, "inputs": [{"name": "seed", "default": null}]}'

    assert (await _send(running, body)).status_code == 200
    assert _stored(running).graph == ""
    assert not _stored(running).inputs[0].HasField("default")


@pytest.mark.parametrize("graph", ["{", '{"1": [}', '{"1": "a', '{"a": "\\x"}', "{ä}", "{} {}", "[[[", "nul", "01"])
async def test_what_does_not_end_is_refused(running: Running, graph: str) -> None:
    answer = await _send(running, f'{{"name": "w", "graph": {graph}')

    assert answer.status_code == 400, answer.text
    assert running[1].request is None


async def test_bytes_that_are_not_utf8_are_refused(running: Running) -> None:
    answer = await _send(running, b'{"name": "w", "graph": {"1": "\xff"}}')

    assert answer.status_code == 400
    assert running[1].request is None


async def test_the_rest_of_the_body_is_read_as_ever(running: Running) -> None:
    answer = await _send(running, f'{{"graph": {GRAPH}, "desription": "w"}}')

    assert answer.status_code == 400
    assert "did you mean description?" in answer.json()["message"]


async def test_a_graph_of_four_mebibytes_passes_and_does_not_hold_up_the_gateway(running: Running) -> None:
    node = '"%05d": {"class_type": "KSampler", "inputs": {"seed": 1, "text": "%s"}}'
    graph = "{" + ", ".join(node % (number, "x" * 350) for number in range(9_800)) + "}"
    assert 4_000_000 < len(graph) < 4 << 20
    began = time.monotonic()

    answer = await _send(running, f'{{"graph": {graph}}}', EXECUTIONS)

    assert answer.status_code == 200, answer.text
    assert execution_pb2.CreateExecutionRequest.FromString(running[1].request or b"").parameters.graph == graph
    assert time.monotonic() - began < 5


async def test_a_larger_body_is_refused(running: Running) -> None:
    graph = '{"1": "' + "x" * (6 << 20) + '"}'

    assert (await _send(running, f'{{"graph": {graph}}}', EXECUTIONS)).status_code == 413


async def test_other_routes_keep_their_limit(running: Running) -> None:
    answer = await _send(running, json.dumps({"prompt": "x" * (2 << 20)}), "/api/v1/images/generate")

    assert answer.status_code == 413
