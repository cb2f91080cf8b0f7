"""Results that storage does not take yet are kept, not drawn again; slow uploads of one caller stop nobody."""

import base64
import os
import signal
import time

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from atelier_mesh.ports import NEXT_WORKER
from tests.mesh.faults.accepted import Accepted
from tests.mesh.faults.kinds import IMAGE, KINDS, Kind
from tests.mesh.faults.slow_uploads import SlowUploads, slow_uploads
from tests.mesh.running_mesh import RunningMesh

UPLOADS = 32
PNG = base64.b64decode(
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def accepted(faulty: RunningMesh, client: httpx2.Client) -> Accepted:
    return Accepted(faulty, client)


def _worker_counter(faulty: RunningMesh, kind: Kind, name: str) -> float:
    """The sum of a counter over all workers of a kind."""
    first = getattr(faulty.ports, f"{kind.name}_worker_metrics")
    total = 0.0
    for k in range(len(kind.workers)):
        text = httpx2.get(f"http://127.0.0.1:{first + NEXT_WORKER * k}/metrics", timeout=30).text
        for family in text_string_to_metric_families(text):
            total += sum(sample.value for sample in family.samples if sample.name == name)
    return total


def _steps(faulty: RunningMesh, kind: Kind) -> float:
    return _worker_counter(faulty, kind, "atelier_denoising_steps_total")


def test_storage_that_refuses_for_20_s_while_jobs_end_costs_no_second_drawing(
    faulty: RunningMesh, accepted: Accepted
) -> None:
    before = {kind: _steps(faulty, kind) for kind in KINDS}
    refusals = {kind: _worker_counter(faulty, kind, "atelier_store_retries_total") for kind in KINDS}
    s3 = faulty.pid("s3")
    os.kill(s3, signal.SIGSTOP)
    try:
        began = time.monotonic()
        jobs = {kind: accepted.submit(kind, **kind.short) for kind in KINDS}
        while time.monotonic() - began < 20 or not all(  # the fault itself
            _worker_counter(faulty, kind, "atelier_store_retries_total") > refusals[kind] for kind in KINDS
        ):
            assert time.monotonic() - began < 120, "storage refused nothing"
            time.sleep(0.5)
        for job in jobs.values():
            assert accepted.get(job)["state"] == "RUNNING"
    finally:
        os.kill(s3, signal.SIGCONT)
    for ended in accepted.prove():
        assert ended["attempt"] == 1
    for kind in KINDS:
        assert _steps(faulty, kind) - before[kind] == kind.short["steps"]


def test_32_slow_uploads_of_one_caller_stop_neither_an_upload_nor_a_job_of_another(
    faulty: RunningMesh, accepted: Accepted, client: httpx2.Client
) -> None:
    mallory, steps = faulty.key_of("mallory"), _steps(faulty, IMAGE)
    with slow_uploads(faulty.url, mallory, UPLOADS) as uploads:
        _until_refused(faulty, uploads, mallory)
        accepted.submit(IMAGE, **IMAGE.short)
        stored = client.post("/api/v1/assets", content=PNG, headers={"content-type": "image/png"})
        assert stored.status_code == 200, stored.text
        (ended,) = accepted.prove()
        assert uploads.open_count > 0, "they ended before the job did: nothing was shown"
        assert ended["attempt"] == 1
        assert _steps(faulty, IMAGE) - steps == IMAGE.short["steps"]
        deadline = time.monotonic() + 120
        while uploads.open_count:
            assert time.monotonic() < deadline, f"{uploads.open_count} slow uploads are not ended"
            uploads.drip()
            time.sleep(0.5)
    assert set(uploads.statuses) == {409, 429}
    client.delete(f"/api/v1/assets/{stored.json()['id']}")


def _until_refused(faulty: RunningMesh, uploads: SlowUploads, key: str) -> None:
    """Waits until the caller has no slot left."""
    deadline = time.monotonic() + 20
    with faulty.client(key) as client:
        while client.post("/api/v1/assets", content=b"", headers={"content-type": "image/png"}).status_code != 429:
            assert time.monotonic() < deadline, "its slots are not taken"
            uploads.drip()
