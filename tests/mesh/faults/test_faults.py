"""`kill -9` and SIGSTOP at every part: no accepted job is lost, none ends twice, whatever is made is the right one."""

import contextlib
import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.mesh.clip import MODELS
from tests.mesh.faults.accepted import Accepted
from tests.mesh.faults.kinds import KINDS, VIDEO, Kind
from tests.mesh.running_mesh import RunningMesh, start_mesh
from tests.mesh.story import events_of

both = pytest.mark.parametrize("kind", KINDS, ids=str)


@pytest.fixture
def accepted(faulty: RunningMesh, client: httpx2.Client) -> Accepted:
    return Accepted(faulty, client)


def _worker_of(client: httpx2.Client, faulty: RunningMesh, kind: Kind, job: dict[str, Any]) -> str:
    """The name of the program that runs `job`."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for worker in client.get("/api/v1/system/status").json()["workers"]:
            if worker["job_id"] == job["id"]:
                pids = {str(faulty.pid(name)): name for name in kind.workers}
                return pids[worker["id"].rpartition("-")[2]]
        time.sleep(0.05)  # workers report at once when they take a job, over a lossy channel
    raise AssertionError("no worker says that it runs it")


def _scratch(faulty: RunningMesh) -> list[list[Path]]:
    """The folders in which clips grow, and what is in each."""
    return [list(folder.iterdir()) for folder in (faulty.state_dir / "scratch").iterdir()]


def _until_scratch_is_tidy(faulty: RunningMesh) -> None:
    """Each worker for clips has its folder, and what a killed one left is gone with its folder."""
    deadline = time.monotonic() + 30
    while (found := _scratch(faulty)) != [[] for _ in VIDEO.workers]:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)  # a worker needs seconds to start again


@contextlib.contextmanager
def _stopped(pid: int) -> Iterator[None]:
    """A process that stands still."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@both
def test_a_worker_killed_in_the_middle_of_a_job(
    kind: Kind, faulty: RunningMesh, client: httpx2.Client, accepted: Accepted
) -> None:
    job = accepted.submit(kind, **kind.long)
    worker = _worker_of(client, faulty, kind, job)
    accepted.until_midway(kind, job)
    faulty.signal(worker, signal.SIGKILL)
    assert any(_scratch(faulty)) == kind.grows_on_disk
    (ended,) = accepted.prove()
    assert ended["attempt"] == 2
    accepted.proves_right(job)
    accepted.leaves_nothing_behind()
    _until_scratch_is_tidy(faulty)


@both
def test_the_process_that_draws_killed_in_the_middle_of_a_job(
    kind: Kind, faulty: RunningMesh, client: httpx2.Client, accepted: Accepted
) -> None:
    job = accepted.submit(kind, **kind.long)
    worker = faulty.pid(name := _worker_of(client, faulty, kind, job))
    accepted.until_midway(kind, job)
    (drawing,) = psutil.Process(worker).children()
    drawing.kill()
    (ended,) = accepted.prove()
    assert ended["attempt"] == 2
    assert faulty.pid(name) == worker, "the worker itself lives on"
    accepted.proves_right(job)
    accepted.leaves_nothing_behind()
    _until_scratch_is_tidy(faulty)


@both
def test_the_result_of_a_worker_suspended_past_its_lease_is_discarded(
    kind: Kind, faulty: RunningMesh, client: httpx2.Client, accepted: Accepted
) -> None:
    job = accepted.submit(kind, **kind.long)
    worker = _worker_of(client, faulty, kind, job)
    accepted.until_midway(kind, job)
    with _stopped(faulty.pid(worker)):
        ended = accepted.until_end(job)
        assert ended["attempt"] == 2
    # The zombie wakes up and finishes what it held; another job through each worker shows that both are well.
    accepted.submit(kind, **kind.short)
    accepted.submit(kind, **kind.short)
    accepted.prove()
    assert accepted.get(job)["finish_time"] == ended["finish_time"]
    accepted.proves_right(job)
    accepted.leaves_nothing_behind()
    _until_scratch_is_tidy(faulty)


@both
def test_the_api_killed_in_the_middle_of_submits(kind: Kind, faulty: RunningMesh, accepted: Accepted) -> None:
    keys = [str(uuid.uuid4()) for _ in range(40)]

    def submit(key: str) -> dict[str, Any]:
        return accepted.submit(kind, key=key, **{**kind.short, "steps": 1, "seed": 7, "prompt": f"a star {key}"})

    killed = threading.Timer(0.3, faulty.signal, (f"atelier-{kind}", signal.SIGKILL))
    killed.start()
    with ThreadPoolExecutor(4) as pool:
        first = list(pool.map(submit, keys))
        again = list(pool.map(submit, keys))
    killed.join()
    assert [job["id"] for job in first] == [job["id"] for job in again]
    assert len(accepted.jobs) == len(keys)
    accepted.prove()


@pytest.mark.parametrize("part", ["nats", "s3", "atelier-storage", "atelier-auth", "atelier-events", "gateway"])
def test_a_part_killed_in_the_middle_of_jobs_of_both_kinds(faulty: RunningMesh, accepted: Accepted, part: str) -> None:
    running = {kind: accepted.submit(kind, **kind.long) for kind in KINDS}
    waiting = [accepted.submit(kind, **kind.short) for kind in KINDS for _ in range(2)]
    for kind, job in running.items():
        accepted.until_midway(kind, job)
    faulty.signal(part, signal.SIGKILL)
    waiting += [accepted.submit(kind, **kind.short) for kind in KINDS for _ in range(2)]
    ended = accepted.prove()
    assert len(ended) == len(waiting) + len(running)
    assert all(job["attempt"] >= 1 for job in ended)
    for job in running.values():
        accepted.proves_right(job)


@both
def test_an_s3_server_that_is_unavailable_when_the_files_are_ready_costs_no_attempt(
    kind: Kind, faulty: RunningMesh, accepted: Accepted
) -> None:
    job = accepted.submit(kind, **kind.long)
    accepted.until_midway(kind, job)
    with _stopped(faulty.pid("s3")):
        time.sleep(3)  # the fault itself: longer than the rest of the job
        assert accepted.get(job)["state"] in ("RUNNING", "QUEUED")
    accepted.prove()
    accepted.proves_right(job)


def test_jobs_are_submitted_and_done_while_the_broker_stands_still(faulty: RunningMesh, accepted: Accepted) -> None:
    with _stopped(faulty.pid("nats")):
        jobs = [accepted.submit(kind, **kind.short) for kind in KINDS for _ in range(3)]
        deadline = time.monotonic() + 60
        while (states := {accepted.get(job)["state"] for job in jobs}) != {"SUCCEEDED"}:
            assert states <= {"QUEUED", "RUNNING", "SUCCEEDED"}
            assert time.monotonic() < deadline, states
            time.sleep(0.1)  # nothing is published meanwhile that could be waited for
    accepted.prove()


@both
def test_a_poison_job_fails_with_its_reason_and_stops_no_other_job(
    kind: Kind, client: httpx2.Client, accepted: Accepted
) -> None:
    body = {"prompt": "x", "model": kind.broken_model, "width_px": 256, "height_px": 256}
    poison = [client.post(f"{kind.path}/generate", json=body).json() for _ in range(3)]
    accepted.submit(kind, **kind.short)
    accepted.prove()
    for job in poison:
        ended = accepted.until_end(job)
        assert ended["state"] == "FAILED"
        assert ended["error"]["reason"] == "MODEL_NOT_FOUND"
        assert "/" not in ended["error"]["message"]
    for event in events_of(client, "/api/v1/events", types="error.notification", after="0"):
        if event["job_id"] == poison[0]["id"]:
            assert event["error_notification"]["kind"] == kind.name
            assert event["error_notification"]["error"]["reason"] == "MODEL_NOT_FOUND"
            break


@both
def test_cancel_at_every_moment(kind: Kind, faulty: RunningMesh, accepted: Accepted, client: httpx2.Client) -> None:
    for k in range(16):
        job = accepted.submit(kind, **kind.long)
        time.sleep(k * 0.04)  # the moments
        assert client.post(job["links"]["cancel"], json={}).status_code == 200
    ended = [accepted.until_end(job) for job in accepted.jobs.values()]
    assert {job["state"] for job in ended} <= {"CANCELED", "SUCCEEDED"}
    assert ended[0]["state"] == "CANCELED"
    for job in ended:
        if job["state"] == "CANCELED":
            assert job["outputs"] == []
    accepted.leaves_nothing_behind()
    _until_scratch_is_tidy(faulty)


def test_the_launcher_killed_leaves_no_process_and_loses_no_job(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    state_dir = tmp_path_factory.mktemp("killed")
    (state_dir / "models.yaml").write_text(MODELS)
    mesh = start_mesh(state_dir)
    children = psutil.Process(mesh.launcher.pid).children(recursive=True)
    assert len(children) >= 8
    with mesh.client() as client:
        accepted = Accepted(mesh, client)
        jobs = [accepted.submit(kind, **work) for kind in KINDS for work in (kind.long, kind.short)]
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
            accepted.jobs = {job["id"]: job for job in jobs}
            accepted.prove()
    finally:
        again.stop()
    assert again.launcher.returncode == 0


@both
def test_the_api_killed_while_its_worker_draws_costs_no_attempt(
    kind: Kind, faulty: RunningMesh, accepted: Accepted
) -> None:
    job = accepted.submit(kind, **kind.long)
    accepted.until_midway(kind, job)
    faulty.signal(f"atelier-{kind}", signal.SIGKILL)
    (ended,) = accepted.prove()
    assert ended["attempt"] == 1
    accepted.proves_right(job)
    accepted.leaves_nothing_behind()


@both
def test_an_api_suspended_past_the_lease_revokes_no_lease(kind: Kind, faulty: RunningMesh, accepted: Accepted) -> None:
    job = accepted.submit(kind, **kind.long)
    accepted.until_midway(kind, job)
    with _stopped(faulty.pid(f"atelier-{kind}")):
        time.sleep(4)  # the fault itself: twice the lease
    (ended,) = accepted.prove()
    assert ended["attempt"] == 1
    accepted.proves_right(job)
