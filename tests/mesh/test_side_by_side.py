"""Pictures and clips that are made at the same time."""

from datetime import datetime
from typing import Any

import httpx2

from tests.mesh.seed import new_seed
from tests.mesh.story import events_of

EACH = 6
BODIES = {
    "images": {"prompt": "a red circle on a blue background", "steps": 40},
    "videos": {"prompt": "a red ball moving right", "steps": 4},
}


def test_no_kind_waits_until_the_other_has_ended(client: httpx2.Client) -> None:
    submitted: list[tuple[str, dict[str, Any]]] = []
    for _ in range(EACH):
        for kind, body in BODIES.items():
            answer = client.post(f"/api/v1/{kind}/generate", json={**body, "seed": new_seed()})
            assert answer.status_code == 202
            submitted.append((kind, answer.json()))
    finished: dict[str, list[datetime]] = {kind: [] for kind in BODIES}
    for kind, job in submitted:
        list(events_of(client, job["links"]["events"]))
        ended = client.get(job["links"]["self"]).json()
        assert ended["state"] == "SUCCEEDED", ended
        finished[kind].append(datetime.fromisoformat(ended["finish_time"]))
    images, videos = finished["images"], finished["videos"]
    assert min(videos) < max(images), "no clip ended before the last picture"
    assert min(images) < max(videos), "no picture ended before the last clip"
