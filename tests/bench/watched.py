"""A picture that many watch against one that nobody watches, on the same mesh, turn by turn."""

import json
import time
from datetime import datetime

from tests.bench.companion import Companion
from tests.bench.contest import new_seeds
from tests.bench.rest import Rest
from tests.bench.rows import Row, Target, ratio_row
from tests.mesh.running_mesh import RunningMesh

CROWDS = (100, 1000)
TARGET = Target(1.25)
_PROMPT = "a red circle on a blue background"
_WATCHED = {"steps": 100}
_BLOCKER = {"steps": 200, "count": 8, "width_px": 512, "height_px": 512}
"""Holds the worker while the watchers come, and is cancelled then."""


def measure_watched(mesh: RunningMesh, key: str, *, rounds: int, crowds: tuple[int, ...] = CROWDS) -> list[Row]:
    """Rounds of: nobody, then each crowd on the events of one picture. The watchers read in a process of their own, on
    the same processors. Raises RuntimeError when a watcher is refused."""
    seconds: dict[int, list[float]] = {size: [] for size in (0, *crowds)}
    received: dict[int, list[float]] = {size: [] for size in crowds}
    with Companion.running("tests.bench.crowd") as crowd, Rest(mesh.url, {"X-Api-Key": key}) as rest:
        for _ in range(rounds):
            for size in seconds:
                took_s, took_bytes = _watched_job(mesh, rest, crowd, size)
                seconds[size].append(took_s)
                if size:
                    received[size].append(took_bytes / size)
    rows = []
    for size in crowds:
        row = ratio_row(f"job watched by {size} / by nobody", seconds[size], seconds[0], unit="s", target=TARGET)
        rows.append(row.shared_out({"kB to each": received[size]}, unit="kB", scale=0.001))
    return rows


def _watched_job(mesh: RunningMesh, rest: Rest, crowd: Companion, size: int) -> tuple[float, int]:
    """Seconds from the moment when the worker is free to the end of the job, and the bytes that its watchers got."""
    before, job = (json.loads(rest.post("/api/v1/images/generate", _body(**p))) for p in (_BLOCKER, _WATCHED))
    if size:
        headers = {"Authorization": f"Bearer {rest.token()}", "Accept": "text/event-stream"}
        statuses = crowd.ask(count=size, url=mesh.url, path=job["links"]["events"], headers=headers)
        if statuses != {"200": size}:
            raise RuntimeError(f"watchers were refused: {statuses}")
    rest.post(f"/api/v1/images/{before['id']}/cancel", b"{}")
    started = time.time()
    made = _until_made(mesh, rest, job["id"])
    received = crowd.ask() if size else 0
    return made - started, received


def _until_made(mesh: RunningMesh, rest: Rest, image_id: str) -> float:
    """When it was finished, in seconds since the epoch."""
    while True:
        image = rest.get(f"/api/v1/images/{image_id}")
        if image["state"] == "SUCCEEDED":
            return datetime.fromisoformat(image["finish_time"]).timestamp()
        if image["state"] not in ("QUEUED", "RUNNING"):
            raise RuntimeError(f"not made: {image}")
        time.sleep(0.2)


def _body(**parameters: int) -> bytes:
    return json.dumps({"prompt": _PROMPT, "seed": new_seeds(1)[0], **parameters}).encode()
