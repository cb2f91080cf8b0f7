"""Workflows and executions through the gateway: a default graph, typed inputs, versions, templates, streams."""

import io
import json
import time
from typing import Any

import httpx2
import pytest
from PIL import Image

from tests.mesh.graphs import children, default_graph, execute, until, until_ended
from tests.mesh.picture import colour_at
from tests.mesh.running_mesh import RunningMesh
from tests.mesh.seed import new_seed
from tests.mesh.trace_receiver import TraceReceiver

SEED = 2**64 - 1


def blue(**inputs: Any) -> dict[str, Any]:
    """A graph that draws nothing: a square of one colour."""
    return {
        "1": {
            "class_type": "EmptyImage",
            "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255, **inputs},
        },
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "square"}},
    }


def picture_of(client: httpx2.Client, execution: dict[str, Any], node_id: str) -> bytes:
    """The picture that a node has saved."""
    (url,) = [output["content_url"] for output in execution["outputs"] if output["node_id"] == node_id]
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.fixture(scope="module", autouse=True)
def _nodes_are_known(mesh: RunningMesh) -> None:
    """The worker has loaded its nodes and reported them."""
    with mesh.client() as client:
        until(lambda: client.get("/api/v1/nodes").status_code == 200, "a worker reports its nodes")


def test_a_default_graph_follows_its_prompt_with_one_job(client: httpx2.Client) -> None:
    ended = execute(client, default_graph(new_seed()))

    assert ended["state"] == "SUCCEEDED", ended
    picture = picture_of(client, ended, "save0")
    assert (colour_at(picture, 0.5, 0.5), colour_at(picture, 0.02, 0.02)) == ("red", "blue")
    jobs = client.get("/api/v1/jobs", params={"parent_id": ended["id"]}).json()["jobs"]
    assert [(job["kind"], job["state"], job["trace_id"]) for job in jobs] == [("image", "SUCCEEDED", ended["trace_id"])]
    with Image.open(io.BytesIO(picture)) as opened:
        assert json.loads(opened.info["prompt"])["sampler0"]["class_type"] == "KSampler"


def test_a_seed_of_64_bits_reaches_the_image_job(client: httpx2.Client) -> None:
    ended = execute(client, default_graph(SEED, steps=2))

    (job,) = client.get("/api/v1/jobs", params={"parent_id": ended["id"]}).json()["jobs"]
    parameters = client.get(job["links"]["self"]).json()["parameters"]
    assert parameters["wide_seed"] == str(SEED)


def test_a_workflow_has_versions_and_typed_inputs(client: httpx2.Client) -> None:
    typed = {"name": "color", "type": "INT", "targets": [{"node_id": "1", "input": "color"}], "default": 65280}
    body = {"name": "square", "graph": blue(), "inputs": [typed], "outputs": [{"name": "square", "node_id": "2"}]}
    created = client.post("/api/v1/workflows/create", json=body)
    assert created.status_code == 201, created.text
    workflow, etag = created.json(), created.headers["etag"]
    path = created.headers["location"]
    assert json.loads(workflow["definition"]["graph"]) == blue()

    changed = client.put(path, json=body | {"graph": blue(width=128)}, headers={"If-Match": etag})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    lost = client.put(path, json=body, headers={"If-Match": etag})
    assert (lost.status_code, lost.json()["details"][0]["reason"]) == (412, "VERSION_CONFLICT")
    assert client.get(path, params={"version": 1}).json()["version"] == 1

    first = {"inputs": {"color": 16711680}, "version": 1}
    ended = client.post(f"{path}/execute", json=first, headers={"Prefer": "wait=60"}).json()
    (output,) = ended["outputs"]
    assert (output["name"], output["width_px"], ended["version"]) == ("square", 64, 1)
    assert colour_at(picture_of(client, ended, "2"), 0.5, 0.5) == "red"
    newest = client.post(f"{path}/execute", json={}, headers={"Prefer": "wait=60"}).json()
    assert (newest["outputs"][0]["width_px"], json.loads(newest["inputs"])) == (128, {"color": 65280})

    assert workflow["id"] in [each["id"] for each in client.get("/api/v1/workflows").json()["workflows"]]
    assert client.delete(path).status_code == 200
    assert client.get(path).status_code == 404
    assert client.get(ended["links"]["self"]).status_code == 200


def test_each_fault_is_named_with_node_and_input(client: httpx2.Client) -> None:
    graph = blue(width="wide", color=-1) | {"3": {"class_type": "PreviewImage", "inputs": {"images": ["9", 0]}}}
    answer = client.post("/api/v1/executions", json={"graph": graph})

    assert answer.status_code == 400
    (violations,) = [each["field_violations"] for each in answer.json()["details"] if "field_violations" in each]
    assert sorted(each["field"] for each in violations) == [
        "graph.1.inputs.color", "graph.1.inputs.width", "graph.3.inputs.images"
    ]  # fmt: skip


def test_a_graph_of_more_nodes_than_allowed_is_refused(client: httpx2.Client) -> None:
    node = {"class_type": "PrimitiveInt", "inputs": {"value": 1}}
    answer = client.post("/api/v1/executions", json={"graph": {str(number): node for number in range(10_001)}})

    assert answer.status_code == 400
    assert "too_many_nodes" in answer.text


@pytest.mark.parametrize("template_id", ["text-to-image", "two-passes", "seed-grid"])
def test_templates_run_for_all_users(mesh: RunningMesh, template_id: str) -> None:
    with mesh.client(mesh.key_of("tina")) as client:
        listed = client.get("/api/v1/workflow-templates").json()["workflows"]
        assert template_id in [template["id"] for template in listed]
        path = f"/api/v1/workflows/{template_id}"
        answer = client.post(f"{path}/execute", json={"inputs": {"steps": 12}}, headers={"Prefer": "wait=60"})

        assert answer.json()["state"] == "SUCCEEDED", answer.text
        picture = client.get(answer.json()["outputs"][0]["content_url"]).content
        assert colour_at(picture, 0.5, 0.5) == "red"


def test_a_picture_goes_through_a_template(client: httpx2.Client) -> None:
    red = picture_of(client, execute(client, default_graph(new_seed())), "save0")
    upload = client.post("/api/v1/assets", content=red, headers={"Content-Type": "image/png"}).json()
    inputs = {"picture": upload["id"], "prompt": "a yellow circle on a green background", "denoise": 0.7}
    answer = client.post(
        "/api/v1/workflows/image-to-image/execute", json={"inputs": inputs}, headers={"Prefer": "wait=60"}
    )

    assert answer.json()["state"] == "SUCCEEDED", answer.text
    picture = client.get(answer.json()["outputs"][0]["content_url"]).content
    assert (colour_at(picture, 0.5, 0.5), colour_at(picture, 0.02, 0.02)) == ("yellow", "green")


def test_a_stream_resumes_without_gap_or_repeat(client: httpx2.Client) -> None:
    execution = execute(client, default_graph(new_seed()), wait_s=0)
    until_ended(client, execution)
    with client.stream("GET", f"{execution['links']['events']}?after_seq=0") as stream:
        events = [json.loads(line) for line in stream.iter_lines()]
    with client.stream("GET", f"{execution['links']['events']}?after_seq=1") as stream:
        later = [json.loads(line) for line in stream.iter_lines()]

    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert later == events[1:]
    assert [event["generation_progress"]["terminal"] for event in events] == [False] * (len(events) - 1) + [True]
    detail = events[-1]["generation_progress"]["progress"]["detail"]
    assert (detail["@type"].rpartition(".")[2], detail["nodes_done"]) == ("ExecutionProgress", 7)


def test_an_execution_is_cancelled_with_its_jobs(client: httpx2.Client) -> None:
    execution = execute(client, default_graph(*range(4), steps=200), wait_s=0)
    until(lambda: bool(children(client, execution["id"])), "a job is submitted")
    assert client.post(execution["links"]["cancel"], json={}).status_code == 200

    assert until_ended(client, execution)["state"] == "CANCELED"
    ended = {"CANCELED", "SUCCEEDED"}
    until(lambda: {job["state"] for job in children(client, execution["id"])} <= ended, "its jobs have ended")


def test_others_see_nothing_of_it(mesh: RunningMesh, client: httpx2.Client) -> None:
    ended = execute(client, blue(width=96))
    with mesh.client(mesh.key_of("eve")) as eve:
        assert eve.get(ended["links"]["self"]).status_code == 404
        assert eve.get(ended["outputs"][0]["content_url"]).status_code == 404
        assert eve.post(ended["links"]["cancel"], json={}).status_code == 404


def test_one_trace_leads_from_the_execution_to_the_steps(client: httpx2.Client, traces: TraceReceiver) -> None:
    ended = execute(client, default_graph(new_seed(), steps=3))

    wanted = {"workflow.execute", "workflow.node", "image.generate", "denoise.step"}
    deadline = time.monotonic() + 20
    while not wanted <= {span.name for _, span in traces.spans(ended["trace_id"])}:
        assert time.monotonic() < deadline, "spans are missing"
        time.sleep(0.2)  # spans are sent every few seconds
