"""What was accepted, and the proof that each of it ended exactly once with the right picture."""

import asyncio
import hashlib
import json
import time
import uuid
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import select

from atelier_jobs import history, schema
from atelier_jobs.database import fetch_jobs
from atelier_jobs.job import EventRecord
from atelier_jobs.states import State
from atelier_service.database import create_engine
from tests.mesh.running_mesh import RunningMesh

TERMINAL = ("SUCCEEDED", "FAILED", "CANCELED")


def new_seed() -> int:
    """A seed that nobody asked for before."""
    return uuid.uuid4().int % 2**32


class Accepted:
    """Submits images, remembers what was accepted, and follows it to the end, whatever falls meanwhile."""

    def __init__(self, mesh: RunningMesh, client: httpx2.Client) -> None:
        self._mesh = mesh
        self._client = client
        self.images: dict[str, dict[str, Any]] = {}

    def submit(self, *, key: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Submits until it is accepted, under one idempotency key, as a careful client does."""
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        body = {"prompt": "a red circle on a blue background", "seed": new_seed(), **parameters}
        answer = self._retry(lambda: self._client.post("/api/v1/images/generate", json=body, headers=headers))
        assert answer.status_code in (200, 202), answer.text
        image: dict[str, Any] = answer.json()
        self.images[image["id"]] = image
        return image

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

    def until_running(self, image: dict[str, Any], step: int = 1) -> None:
        """Waits until it has made `step` steps."""
        with self._client.stream("GET", image["links"]["events"]) as events:
            for line in events.iter_lines():
                event = json.loads(line) if line else {}
                payload = event.get("generation_progress") or event.get("snapshot") or {}
                if (payload.get("progress") or {}).get("step", 0) >= step:
                    return
        raise AssertionError(f"it ended before step {step}: {self.get(image)}")

    def get(self, image: dict[str, Any]) -> dict[str, Any]:
        """The image as it stands."""
        found: dict[str, Any] = self._retry(lambda: self._client.get(image["links"]["self"])).json()
        return found

    def until_end(self, image: dict[str, Any], timeout_s: float = 60) -> dict[str, Any]:
        """Follows its events to the end, taking them up again when they break off."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                with self._client.stream("GET", image["links"]["events"], timeout=timeout_s) as events:
                    for _ in events.iter_lines():
                        pass
            except httpx2.TransportError:
                pass  # what we are here for; the state below is what counts
            found = self.get(image)
            if found["state"] in TERMINAL:
                return found
            time.sleep(0.05)
        raise AssertionError(f"it did not end within {timeout_s} s: {self.get(image)}")

    def prove(self, expected: str = "SUCCEEDED") -> list[dict[str, Any]]:
        """Everything accepted ended exactly once, in state `expected`, by legal moves, with the bytes that it says.

        The judge is the history checker of the job plane, which reads what the service recorded.
        """
        ended = [self.until_end(image) for image in self.images.values()]
        assert {i["state"] for i in ended} == {expected}, ended
        recorded = asyncio.run(_recorded(self._mesh.state_dir / "image.db", list(self.images)))
        assert history.check(recorded) == []
        for output in (o for image in ended for o in image["outputs"]):
            content = self._retry(lambda url=output["content_url"]: self._client.get(url))
            assert hashlib.sha256(content.content).hexdigest() == output["sha256"]
        return ended

    def proves_right(self, image: dict[str, Any]) -> None:
        """Its bytes are those that an undisturbed mesh makes of the same parameters, for another user."""
        with self._mesh.client(self._mesh.key_of(f"twin-{uuid.uuid4().hex[:8]}")) as twin:
            body = self.get(image)["parameters"]
            answer = twin.post("/api/v1/images/generate", json=body, headers={"Prefer": "wait=60"}).json()
        assert not answer["cached"]
        assert answer["outputs"][0]["sha256"] == self.get(image)["outputs"][0]["sha256"]


async def _recorded(database: Path, ids: list[str]) -> history.History:
    engine = create_engine(f"sqlite:///{database}")
    try:
        async with engine.connect() as connection:
            jobs = await fetch_jobs(connection, select(schema.jobs).where(schema.jobs.c.id.in_(ids)))
            told = select(schema.job_events).where(schema.job_events.c.job_id.in_(ids))
            rows = (await connection.execute(told)).mappings().all()
    finally:
        await engine.dispose()
    events = [EventRecord(**{**row, "state": State(row["state"])}) for row in rows]
    return history.History(accepted=ids, jobs=jobs, events=events)
