"""What was accepted, and the proof that each of it ended exactly once with the right picture or clip."""

import asyncio
import hashlib
import io
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image
from sqlalchemy import select

from atelier_artifacts.domain.stored_files import asset_ids_in
from atelier_jobs.domain import history
from atelier_jobs.domain.states import State
from atelier_jobs.sql import schema
from atelier_jobs.sql.database import fetch_jobs
from atelier_jobs.sql.rows import event_of
from atelier_service.database import create_engine
from tests.mesh.clip import frames_of
from tests.mesh.faults.kinds import KINDS, Kind
from tests.mesh.pages import asset_ids
from tests.mesh.running_mesh import RunningMesh
from tests.mesh.seed import new_seed
from tests.mesh.story import until_progress

TERMINAL = ("SUCCEEDED", "FAILED", "CANCELED")


class Accepted:
    """Submits jobs, remembers what was accepted, and follows it to the end, whatever falls meanwhile."""

    def __init__(self, mesh: RunningMesh, client: httpx2.Client) -> None:
        self._mesh = mesh
        self._client = client
        self.jobs: dict[str, dict[str, Any]] = {}

    def submit(self, kind: Kind, *, key: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Submits until it is accepted, under one idempotency key, as a careful client does."""
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        body = {"prompt": kind.prompt, "seed": new_seed(), **parameters}
        answer = self._retry(lambda: self._client.post(f"{kind.path}/generate", json=body, headers=headers))
        assert answer.status_code in (200, 202), answer.text
        job: dict[str, Any] = answer.json()
        self.jobs[job["id"]] = job
        return job

    def _retry(self, call: Any, timeout_s: float = 60) -> httpx2.Response:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                answer: httpx2.Response = call()
                if answer.status_code not in (429, 502, 503, 504):
                    return answer
                problem = answer.text
            except httpx2.TransportError as error:
                problem = repr(error)
            assert time.monotonic() < deadline, problem
            time.sleep(0.1)  # what a client does that was told to try again

    def until_midway(self, kind: Kind, job: dict[str, Any]) -> None:
        """Waits until a long job is in the middle of its work."""
        until_progress(self._client, job, *kind.midway)

    def get(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job as it stands."""
        found: dict[str, Any] = self._retry(lambda: self._client.get(job["links"]["self"])).json()
        return found

    def until_end(self, job: dict[str, Any], timeout_s: float = 60) -> dict[str, Any]:
        """Follows its events to the end, taking them up again when they break off."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                with self._client.stream("GET", job["links"]["events"], timeout=timeout_s) as events:
                    for _ in events.iter_lines():
                        pass
            except httpx2.TransportError:
                pass  # what we are here for; the state below is what counts
            found = self.get(job)
            if found["state"] in TERMINAL:
                return found
            time.sleep(0.05)
        raise AssertionError(f"it did not end within {timeout_s} s: {self.get(job)}")

    def prove(self, expected: str = "SUCCEEDED") -> list[dict[str, Any]]:
        """Everything accepted ended exactly once, in state `expected`, by legal moves, with the bytes that it says.

        The judge is the history checker of the job plane, which reads what the services recorded.
        """
        ended = [self.until_end(job) for job in self.jobs.values()]
        assert {job["state"] for job in ended} == {expected}, ended
        for kind in KINDS:
            ids = [job["id"] for job in ended if job["links"]["self"].startswith(kind.path)]
            assert history.check(asyncio.run(recorded(self._database(kind), ids))) == []
        for job in ended:
            for output in job["outputs"]:
                content = self._retry(lambda url=output["content_url"]: self._client.get(url)).content
                assert hashlib.sha256(content).hexdigest() == output["sha256"]
                _assert_opens(content, job, output)
        return ended

    def proves_right(self, job: dict[str, Any]) -> None:
        """Its bytes are those that an undisturbed mesh makes of the same parameters, for another user."""
        ended = self.get(job)
        generate = f"{job['links']['self'].rpartition('/')[0]}/generate"
        with self._mesh.client(self._mesh.key_of(f"twin-{uuid.uuid4().hex[:8]}")) as twin:
            answer = twin.post(generate, json=ended["parameters"], headers={"Prefer": "wait=60"}).json()
        assert not answer["cached"]
        assert [o["sha256"] for o in answer["outputs"]] == [o["sha256"] for o in ended["outputs"]]

    def leaves_nothing_behind(self) -> None:
        """Every stored file of the caller belongs to the result of a job."""
        deadline = time.monotonic() + 20
        while stray := asset_ids(self._client) - self._wanted_assets():
            assert time.monotonic() < deadline, f"files that nobody refers to: {stray}"
            time.sleep(0.1)  # the clean-up follows the end of a job through the outbox

    def _wanted_assets(self) -> set[str]:
        return {
            asset_id
            for kind in KINDS
            for job in asyncio.run(recorded(self._database(kind))).jobs
            if job.state is State.SUCCEEDED and job.result is not None
            for asset_id in asset_ids_in(job.result)
        }

    def _database(self, kind: Kind) -> Path:
        return self._mesh.state_dir / f"{kind.name}.db"


def _assert_opens(content: bytes, job: dict[str, Any], output: dict[str, Any]) -> None:
    size = (output["width_px"], output["height_px"])
    if output["content_type"].startswith("video/"):
        frames = frames_of(content)
        assert len(frames) == output["frame_count"] == job["parameters"]["frames"]
        assert {frame.shape[1::-1] for frame in frames} == {size}
    else:
        with Image.open(io.BytesIO(content)) as opened:
            opened.load()
            assert opened.size == size


async def recorded(database: Path, ids: Sequence[str] | None = None) -> history.History:
    """What the service recorded of these jobs, or of all."""
    jobs_query, told = select(schema.jobs), select(schema.job_events)
    if ids is not None:
        jobs_query = jobs_query.where(schema.jobs.c.id.in_(ids))
        told = told.where(schema.job_events.c.job_id.in_(ids))
    engine = create_engine(f"sqlite:///{database}")
    try:
        async with engine.connect() as connection:
            jobs = await fetch_jobs(connection, jobs_query)
            rows = (await connection.execute(told)).mappings().all()
    finally:
        await engine.dispose()
    events = [event_of(row) for row in rows]
    return history.History(accepted=[job.id for job in jobs] if ids is None else ids, jobs=jobs, events=events)
