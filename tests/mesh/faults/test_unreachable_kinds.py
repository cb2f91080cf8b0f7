"""The API of one kind stands still: what lists all kinds says so, and what the other kind has is there."""

import os
import signal
import time
import uuid
from collections.abc import Callable

import httpx2
import pytest

from tests.mesh.faults.kinds import KINDS, Kind
from tests.mesh.running_mesh import RunningMesh


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)  # the gateway asks every second who is healthy


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_kind_whose_api_is_suspended_is_named_and_the_others_are_listed(
    kind: Kind, faulty: RunningMesh, client: httpx2.Client
) -> None:
    other = next(one for one in KINDS if one is not kind)
    body = {"prompt": other.prompt, **other.short}
    there = client.post(f"{other.path}/generate", json=body).json()["id"]
    never = str(uuid.uuid4())

    def unreachable(path: str) -> list[str] | None:
        answer = client.get(path)
        return list(answer.json()["unreachable"]) if answer.status_code == 200 else None

    stopped = faulty.signal(f"atelier-{kind.name}", signal.SIGSTOP)
    try:
        _until(lambda: unreachable("/api/v1/jobs") == [kind.name])
        _until(lambda: unreachable("/api/v1/models") == [kind.name])
        assert client.get(f"/api/v1/jobs/{there}").status_code == 200
        assert {job["kind"] for job in client.get("/api/v1/jobs").json()["jobs"]} == {other.name}
        for path in (f"/api/v1/jobs/{never}", f"/api/v1/jobs?kinds={kind.name}", f"/api/v1/models?kind={kind.name}"):
            refused = client.get(path)
            assert (refused.status_code, refused.json()["details"][0]["reason"]) == (503, "KINDS_UNREACHABLE")
            assert refused.headers["retry-after"]
    finally:
        os.kill(stopped, signal.SIGCONT)
    _until(lambda: unreachable("/api/v1/jobs") == [])
    _until(lambda: client.get(f"/api/v1/jobs/{never}").status_code == 404)
