"""A state folder of version 0.1.0, with jobs queued and running: the present version starts on it and loses nothing."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.mesh.clip import frames_of
from tests.mesh.picture import generate
from tests.mesh.running_mesh import RunningMesh, start_mesh
from tests.mesh.story import events_of, payload
from tests.old_states.old_state import Story, unpack

STORY = Story.read()


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    """A mesh of the present version on the old state folder."""
    folder: Path = tmp_path_factory.mktemp("upgrade") / "state"
    unpack(folder)
    mesh = start_mesh(folder, ATELIER_REQUESTS_PER_S="500", ATELIER_REQUEST_BURST="1000")
    yield mesh
    mesh.stop()


def client_of(mesh: RunningMesh, name: str) -> httpx2.Client:
    """A client with a key of the old state folder."""
    return mesh.client(STORY.keys[name])


def named(story: list[dict[str, Any]]) -> pytest.MarkDecorator:
    """A test for each of these."""
    return pytest.mark.parametrize("old", story, ids=[one.get("name", one.get("idempotency_key")) for one in story])


@named(STORY.unfinished)
def test_what_was_queued_or_running_ends_well(upgraded: RunningMesh, old: dict[str, Any]) -> None:
    with client_of(upgraded, old["owner"]) as client:
        states = [payload(event).get("state") for event in events_of(client, f"{old['record']}/events")]
        assert states[-1] == "SUCCEEDED"
        record = client.get(old["record"]).json()
        content = client.get(record["outputs"][0]["content_url"]).content

    assert {name: record["parameters"][name] for name in old["request"]} == old["request"]
    assert hashlib.sha256(content).hexdigest() == record["outputs"][0]["sha256"]
    if old["kind"] == "video":
        assert len(frames_of(content)) == old["request"]["frames"]


@named(STORY.finished)
def test_what_was_finished_is_as_it_was(upgraded: RunningMesh, old: dict[str, Any]) -> None:
    with client_of(upgraded, old["owner"]) as client:
        record = client.get(old["record"]).json()
        events = [payload(event).get("state") for event in events_of(client, f"{old['record']}/events")]
        content = client.get(old["content"]).content

    assert record["state"] == "SUCCEEDED"
    assert record["cached"] == old["cached"]
    assert record["outputs"][0]["sha256"] == old["sha256"]
    assert events[-1] == "SUCCEEDED"
    assert hashlib.sha256(content).hexdigest() == old["sha256"]


def test_every_frame_of_an_old_clip_can_be_read(upgraded: RunningMesh) -> None:
    (clip,) = (old for old in STORY.finished if "/videos/" in old["record"])
    with client_of(upgraded, clip["owner"]) as client:
        frames = client.get(f"{clip['record']}/frames", params={"page_size": 100}).json()["frames"]
        assert len(frames) == 16
        assert client.get(frames[-1]["content_url"]).content.startswith(b"\x89PNG")


def test_an_old_request_is_found_in_the_content_cache(upgraded: RunningMesh) -> None:
    with client_of(upgraded, "ada") as client:
        again = generate(client, "a red circle on a blue background", seed=1)

    assert again["cached"]
    assert again["outputs"][0]["sha256"] == STORY.finished[0]["sha256"]


def test_what_was_canceled_or_deleted_stays_so(upgraded: RunningMesh) -> None:
    with client_of(upgraded, "ben") as client:
        assert client.get(STORY.canceled["record"]).json()["state"] == "CANCELED"
        assert client.get(STORY.deleted["record"]).status_code == 404


def test_an_old_upload_comes_back_as_it_went(upgraded: RunningMesh) -> None:
    with client_of(upgraded, "ada") as client:
        content = client.get(f"/api/v1/assets/{STORY.asset['id']}/content").content

    assert hashlib.sha256(content).hexdigest() == STORY.asset["sha256"]


def test_old_keys_open_what_they_opened(upgraded: RunningMesh) -> None:
    picture = STORY.finished[0]["record"]
    for name, status in {"admin": 404, "ada": 200, "ben": 404, "ada_reads_only": 200, "revoked": 401}.items():
        with client_of(upgraded, name) as client:
            assert client.get(picture).status_code == status, name
    with client_of(upgraded, "ada_reads_only") as client:
        assert client.post("/api/v1/images/generate", json={"prompt": "a star"}).status_code == 403
    assert upgraded.api_key == STORY.keys["admin"]
