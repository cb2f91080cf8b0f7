"""`kill -9` and SIGSTOP at every part: no accepted job is lost, none ends twice, every picture is the right one."""

import contextlib
import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import psutil
import pytest

from tests.mesh.faults.accepted import Accepted
from tests.mesh.faults.conftest import BROKEN_MODEL
from tests.mesh.running_mesh import RunningMesh

LONG = 60
"""Steps of a job that is still running when the fault comes."""


@pytest.fixture
def accepted(faulty: RunningMesh, client: httpx2.Client) -> Accepted:
    return Accepted(faulty, client)


def _worker_of(client: httpx2.Client, faulty: RunningMesh, image: dict[str, Any]) -> str:
    """The name of the program that runs `image`."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for worker in client.get("/api/v1/system/status").json()["workers"]:
            if worker["job_id"] == image["id"]:
                pids = {str(faulty.pid(n)): n for n in ("atelier-image-worker", "atelier-image-worker-2")}
                return pids[worker["id"].rpartition("-")[2]]
        time.sleep(0.05)  # workers report at once when they take a job, over a lossy channel
    raise AssertionError("no worker says that it runs it")


@contextlib.contextmanager
def _stopped(pid: int) -> Iterator[None]:
    """A process that stands still."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_worker_killed_in_the_middle_of_a_job(faulty: RunningMesh, client: httpx2.Client, accepted: Accepted) -> None:
    image = accepted.submit(steps=LONG)
    accepted.until_running(image)
    faulty.signal(_worker_of(client, faulty, image), signal.SIGKILL)
    (ended,) = accepted.prove()
    assert ended["attempt"] == 2
    accepted.proves_right(image)


def test_the_process_that_draws_killed_in_the_middle_of_a_job(
    faulty: RunningMesh, client: httpx2.Client, accepted: Accepted
) -> None:
    image = accepted.submit(steps=LONG)
    accepted.until_running(image)
    worker = faulty.pid(name := _worker_of(client, faulty, image))
    (drawing,) = psutil.Process(worker).children()
    drawing.kill()
    (ended,) = accepted.prove()
    assert ended["attempt"] == 2
    assert faulty.pid(name) == worker, "the worker itself lives on"
    accepted.proves_right(image)


def test_a_worker_that_stood_still_past_its_lease_has_its_result_thrown_away(
    faulty: RunningMesh, client: httpx2.Client, accepted: Accepted
) -> None:
    image = accepted.submit(steps=LONG)
    accepted.until_running(image)
    with _stopped(faulty.pid(_worker_of(client, faulty, image))):
        ended = accepted.until_end(image)
        assert ended["attempt"] == 2
    # The zombie wakes up and finishes what it held; another job through each worker shows that both are well.
    accepted.submit(steps=2)
    accepted.submit(steps=2)
    accepted.prove()
    assert accepted.get(image)["finish_time"] == ended["finish_time"]
    accepted.proves_right(image)


def test_the_api_killed_in_the_middle_of_submits(faulty: RunningMesh, accepted: Accepted) -> None:
    keys = [str(uuid.uuid4()) for _ in range(40)]
    killed = threading.Timer(0.3, faulty.signal, ("atelier-image", signal.SIGKILL))
    killed.start()
    with ThreadPoolExecutor(4) as pool:
        first = list(pool.map(lambda key: accepted.submit(key=key, steps=1, seed=7, prompt=f"a star {key}"), keys))
        again = list(pool.map(lambda key: accepted.submit(key=key, steps=1, seed=7, prompt=f"a star {key}"), keys))
    killed.join()
    assert [i["id"] for i in first] == [i["id"] for i in again]
    assert len(accepted.images) == len(keys)
    accepted.prove()


@pytest.mark.parametrize("part", ["nats", "s3", "atelier-storage", "atelier-auth", "atelier-events", "gateway"])
def test_a_part_killed_in_the_middle_of_a_job(faulty: RunningMesh, accepted: Accepted, part: str) -> None:
    running = accepted.submit(steps=LONG)
    waiting = [accepted.submit(steps=2) for _ in range(4)]
    accepted.until_running(running)
    faulty.signal(part, signal.SIGKILL)
    waiting += [accepted.submit(steps=2) for _ in range(4)]
    ended = accepted.prove()
    assert len(ended) == len(waiting) + 1
    assert all(i["attempt"] >= 1 for i in ended)
    accepted.proves_right(running)


def test_the_s3_server_away_when_the_picture_is_ready_costs_no_attempt(faulty: RunningMesh, accepted: Accepted) -> None:
    image = accepted.submit(steps=60)
    accepted.until_running(image)
    with _stopped(faulty.pid("s3")):
        time.sleep(3)  # the fault itself: longer than the rest of the job
        assert accepted.get(image)["state"] in ("RUNNING", "QUEUED")
    accepted.prove()
    accepted.proves_right(image)


def test_a_submit_succeeds_while_the_broker_stands_still(faulty: RunningMesh, accepted: Accepted) -> None:
    with _stopped(faulty.pid("nats")):
        images = [accepted.submit(steps=2) for _ in range(3)]
        assert {accepted.get(i)["state"] for i in images} == {"QUEUED"}
    accepted.prove()


def test_a_poison_job_fails_with_its_reason_and_stops_nobody(client: httpx2.Client, accepted: Accepted) -> None:
    body = {"prompt": "x", "model": BROKEN_MODEL, "width_px": 256, "height_px": 256}
    poison = [client.post("/api/v1/images/generate", json=body).json() for _ in range(3)]
    accepted.submit(steps=2)
    accepted.prove()
    for image in poison:
        ended = accepted.until_end(image)
        assert ended["state"] == "FAILED"
        assert ended["error"]["reason"] == "MODEL_NOT_FOUND"
        assert "/" not in ended["error"]["message"]
    with client.stream("GET", "/api/v1/events", params={"types": "error.notification", "after": "0"}) as events:
        for line in events.iter_lines():
            event = json.loads(line) if line else {}
            if event.get("job_id") == poison[0]["id"]:
                assert event["error_notification"]["error"]["reason"] == "MODEL_NOT_FOUND"
                break


def test_cancel_at_every_moment(accepted: Accepted, client: httpx2.Client) -> None:
    for k in range(16):
        image = accepted.submit(steps=30)
        time.sleep(k * 0.04)  # the moments
        assert client.post(image["links"]["cancel"], json={}).status_code == 200
    ended = [accepted.until_end(image) for image in accepted.images.values()]
    assert {i["state"] for i in ended} <= {"CANCELED", "SUCCEEDED"}
    assert ended[0]["state"] == "CANCELED"
    for image in ended:
        if image["state"] == "CANCELED":
            assert image["outputs"] == []
    stored = _all_assets(client)
    wanted = {o["asset_id"] for i in _all_images(client) for o in i["outputs"]}
    deadline = time.monotonic() + 20
    while stored - wanted and time.monotonic() < deadline:
        time.sleep(0.1)  # the clean-up follows the end of a job through the outbox
        stored = _all_assets(client)
    assert stored <= wanted, "a canceled job left a file behind"


def _pages(client: httpx2.Client, path: str, field: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        page = client.get(path, params={"page_size": 100, **({"page_token": token} if token else {})}).json()
        found += page[field]
        token = page["next_page_token"]
        if not token:
            return found


def _all_assets(client: httpx2.Client) -> set[str]:
    return {a["id"] for a in _pages(client, "/api/v1/assets", "assets")}


def _all_images(client: httpx2.Client) -> list[dict[str, Any]]:
    return _pages(client, "/api/v1/images", "images")


def test_the_launcher_killed_leaves_no_process_and_loses_no_job(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    from tests.mesh.running_mesh import start_mesh

    state_dir = tmp_path_factory.mktemp("killed")
    mesh = start_mesh(state_dir)
    children = psutil.Process(mesh.launcher.pid).children(recursive=True)
    assert len(children) >= 8
    with mesh.client() as client:
        accepted = Accepted(mesh, client)
        images = [accepted.submit(steps=40) for _ in range(3)]
    mesh.launcher.send_signal(signal.SIGKILL)
    mesh.launcher.wait()
    mesh.stop()
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert len(gone) == len(children)
    again = start_mesh(state_dir, port=mesh.ports.gateway)
    try:
        assert again.api_key == mesh.api_key
        with again.client() as client:
            accepted = Accepted(again, client)
            accepted.images = {i["id"]: i for i in images}
            accepted.prove()
    finally:
        again.stop()
    assert again.launcher.returncode == 0
