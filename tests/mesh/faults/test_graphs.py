"""`kill -9` of every part in the middle of a graph of ten samplers: it ends once, right, and draws nothing twice."""

import asyncio
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from atelier_jobs.domain import history
from tests.mesh.faults.accepted import recorded
from tests.mesh.graphs import children, default_graph, execute, until, until_ended
from tests.mesh.picture import colour_at
from tests.mesh.running_mesh import RunningMesh, start_mesh
from tests.mesh.seed import new_seed

SAMPLERS = 10
Kill = Callable[[RunningMesh], None]


@pytest.fixture(scope="module")
def mesh_of_graphs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    """A mesh that draws pictures, with short leases."""
    running = start_mesh(
        tmp_path_factory.mktemp("graphs"),
        ATELIER_VIDEO_WORKERS="0",
        ATELIER_LEASE_S="2",
        ATELIER_LEASE_HOLD_OFF_S="2",
        ATELIER_TORCH_THREADS="1",
        ATELIER_REQUESTS_PER_S="1000",
        ATELIER_REQUEST_BURST="2000",
    )
    yield running
    running.stop()


@pytest.fixture
def client(mesh_of_graphs: RunningMesh) -> Iterator[httpx2.Client]:
    """A REST client with the administrator's key; the nodes are known."""
    with mesh_of_graphs.client() as client:
        until(lambda: client.get("/api/v1/nodes").status_code == 200, "a worker reports its nodes")
        yield client


def _program(name: str) -> Kill:
    def kill(mesh: RunningMesh) -> None:
        mesh.signal(name, signal.SIGKILL)

    return kill


def _hosts(mesh: RunningMesh) -> None:
    """Kills the processes that run graphs, not their worker."""
    for process in psutil.Process(mesh.pid("atelier-workflow-worker")).children(recursive=True):
        process.kill()


def _stand_still(mesh: RunningMesh) -> None:
    """Stops the worker of workflows for longer than its lease."""
    pid = mesh.pid("atelier-workflow-worker")
    os.kill(pid, signal.SIGSTOP)
    try:
        with mesh.client() as client:
            until(lambda: _attempt(client) == 2 or _is_queued(client), "the lease has expired", 30)
    finally:
        os.kill(pid, signal.SIGCONT)


def _newest(client: httpx2.Client) -> dict[str, object]:
    found: dict[str, object] = client.get("/api/v1/executions", params={"page_size": 1}).json()["executions"][0]
    return found


def _attempt(client: httpx2.Client) -> object:
    return _newest(client)["attempt"]


def _is_queued(client: httpx2.Client) -> bool:
    return _newest(client)["state"] == "QUEUED"


def _image_worker_stands_still(mesh: RunningMesh) -> None:
    """Stops the worker of images until a job of it is queued again."""
    pid = mesh.pid("atelier-image-worker")
    os.kill(pid, signal.SIGSTOP)
    try:
        with mesh.client() as client:
            execution_id = str(_newest(client)["id"])

            def queued_again() -> bool:
                jobs = children(client, execution_id)
                return any(job["state"] == "QUEUED" and job["attempt"] for job in jobs)

            until(queued_again, "the lease of a picture has expired", 30)
    finally:
        os.kill(pid, signal.SIGCONT)


def _both_workers(mesh: RunningMesh) -> None:
    mesh.signal("atelier-image-worker", signal.SIGKILL)
    mesh.signal("atelier-workflow-worker", signal.SIGKILL)


FAULTS: dict[str, Kill] = {
    "workflow worker": _program("atelier-workflow-worker"),
    "host": _hosts,
    "workflow API": _program("atelier-workflow"),
    "image worker": _program("atelier-image-worker"),
    "image API": _program("atelier-image"),
    "NATS": _program("nats"),
    "storage": _program("atelier-storage"),
    "auth": _program("atelier-auth"),
    "a worker that stands still": _stand_still,
    "an image worker that stands still": _image_worker_stands_still,
    "both workers at once": _both_workers,
}


@pytest.mark.timeout(600)  # ten samplers, twice in part, on a machine that is busy
@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_graph_of_ten_samplers_ends_once_and_right(
    fault: Kill, mesh_of_graphs: RunningMesh, client: httpx2.Client
) -> None:
    first = new_seed()
    execution = execute(client, default_graph(*range(first, first + SAMPLERS), steps=20), wait_s=0)

    def midway() -> bool:
        states = [job["state"] for job in children(client, execution["id"])]
        return "SUCCEEDED" in states and states.count("SUCCEEDED") < SAMPLERS

    until(midway, "some samplers have ended, and some have not", 150)
    fault(mesh_of_graphs)
    ended = until_ended(client, execution, 400)

    assert ended["state"] == "SUCCEEDED", ended["error"]
    jobs = children(client, execution["id"])
    assert [job["state"] for job in jobs] == ["SUCCEEDED"] * SAMPLERS
    saved = [output for output in ended["outputs"] if output["field"] == "images"]
    assert sorted(output["node_id"] for output in saved) == sorted(f"save{number}" for number in range(SAMPLERS))
    for output in saved:
        picture = client.get(output["content_url"])
        assert picture.status_code == 200, picture.text
        assert (colour_at(picture.content, 0.5, 0.5), colour_at(picture.content, 0.02, 0.02)) == ("red", "blue")
    for database, ids in (("workflow", [ended["id"]]), ("image", [job["id"] for job in jobs])):
        path: Path = mesh_of_graphs.state_dir / f"{database}.db"
        assert history.check(asyncio.run(recorded(path, ids))) == []
    keys = _keys_of(mesh_of_graphs, [job["id"] for job in jobs])
    assert (len(keys), len(set(keys))) == (SAMPLERS, SAMPLERS)


def _keys_of(mesh: RunningMesh, job_ids: list[str]) -> list[str]:
    """The idempotency keys under which pictures were submitted."""
    with closing(sqlite3.connect(mesh.state_dir / "image.db")) as database:
        rows = database.execute("SELECT job_id, key FROM idempotency_keys").fetchall()
    return [key for job_id, key in rows if job_id in job_ids]


def _cancelled(client: httpx2.Client, execution: dict[str, Any]) -> None:
    assert client.post(execution["links"]["cancel"], json={}).status_code == 200


def _deleted(client: httpx2.Client, execution: dict[str, Any]) -> None:
    assert client.delete(execution["links"]["self"]).status_code == 200


@pytest.mark.parametrize("stop", [_cancelled, _deleted], ids=["cancelled", "deleted"])
@pytest.mark.parametrize("killed", [False, True], ids=["with its worker", "with its worker killed"])
def test_an_execution_that_is_stopped_leaves_no_job(
    stop: Callable[[httpx2.Client, dict[str, Any]], None],
    killed: bool,
    mesh_of_graphs: RunningMesh,
    client: httpx2.Client,
) -> None:
    first = new_seed()
    execution = execute(client, default_graph(*range(first, first + SAMPLERS), steps=200), wait_s=0)
    until(lambda: len(children(client, execution["id"])) == SAMPLERS, "its jobs are submitted")
    if killed:
        mesh_of_graphs.signal("atelier-workflow-worker", signal.SIGKILL)
    stop(client, execution)

    ended = {"CANCELED", "SUCCEEDED"}
    until(lambda: {job["state"] for job in children(client, execution["id"])} <= ended, "its jobs have ended", 30)
    assert "CANCELED" in {job["state"] for job in children(client, execution["id"])}
