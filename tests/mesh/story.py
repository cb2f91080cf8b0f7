"""What a stream of events tells of a job."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2


def events_of(client: httpx2.Client, url: str, *, sse: bool = False, **params: Any) -> Iterator[dict[str, Any]]:
    """Every event until the stream ends."""
    accept = "text/event-stream" if sse else "application/x-ndjson"
    with client.stream("GET", url, headers={"Accept": accept}, params=params or None) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(accept)
        for line in answer.iter_lines():
            if not sse:
                yield json.loads(line)
            elif line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


def payload(event: dict[str, Any]) -> dict[str, Any]:
    """How the job stands; empty for events that are not about one."""
    found: dict[str, Any] = event.get("generation_progress") or event.get("snapshot") or {}
    return found


def detail(event: dict[str, Any]) -> dict[str, Any]:
    """How far the job is, in terms of its kind; empty before it began."""
    found: dict[str, Any] = (payload(event).get("progress") or {}).get("detail") or {}
    return found


def until_progress(client: httpx2.Client, job: dict[str, Any], counter: str = "step", at_least: int = 1) -> None:
    """Waits until the job has made so many of what its progress counts: `step` or `frame`."""
    for event in events_of(client, job["links"]["events"]):
        if detail(event).get(counter, 0) >= at_least:
            assert not payload(event).get("terminal"), f"it ended before {counter} {at_least} was seen: {event}"
            return
    raise AssertionError(f"it ended before {counter} {at_least}: {client.get(job['links']['self']).text}")
