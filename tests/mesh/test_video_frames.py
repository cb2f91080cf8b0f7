"""The frames of a clip, of a finished one and of one that is still drawn, and what its events tell meanwhile."""

import base64
import io
from typing import Any

import httpx2
import pytest
from PIL import Image

from tests.mesh.clip import GENERATE, LONG_MODEL, difference, frames_of, generate_clip, pixels_of
from tests.mesh.pages import every
from tests.mesh.picture import content
from tests.mesh.seed import new_seed
from tests.mesh.story import detail, events_of, payload, until_progress


@pytest.fixture
def video(client: httpx2.Client) -> dict[str, Any]:
    """A finished one."""
    return generate_clip(client, seed=1, steps=2)


def _submit(client: httpx2.Client, **parameters: Any) -> dict[str, Any]:
    body = {"prompt": "a yellow ball moving left", "seed": new_seed(), **parameters}
    accepted: dict[str, Any] = client.post(GENERATE, json=body).json()
    return accepted


def test_frames_come_in_pages_and_in_their_order(client: httpx2.Client, video: dict[str, Any]) -> None:
    url = video["links"]["frames"]
    first = client.get(url, params={"page_size": 7}).json()
    assert (first["frame_count"], first["partial"], len(first["frames"])) == (16, False, 7)
    frames = every(client, url, "frames", page_size=7)
    assert [f["index"] for f in frames] == list(range(16))
    assert [f["time_s"] for f in frames] == [k / 8 for k in range(16)]
    assert {(f["width_px"], f["height_px"]) for f in frames} == {(128, 128)}
    assert frames[15]["content_url"] == f"{url}/15"


def test_every_frame_is_the_one_that_the_clip_shows(client: httpx2.Client, video: dict[str, Any]) -> None:
    shown = frames_of(content(client, video))
    for frame in client.get(video["links"]["frames"]).json()["frames"]:
        picture = client.get(frame["content_url"])
        assert picture.headers["content-type"] == "image/png"
        near = [difference(pixels_of(picture.content), other) for other in shown]
        assert near[frame["index"]] < 4  # the clip is encoded with loss, the frame is not


@pytest.mark.parametrize("picture_format", ["PNG", "JPEG", "WEBP"])
def test_a_frame_is_returned_in_the_requested_format_and_as_a_thumbnail(
    client: httpx2.Client, video: dict[str, Any], picture_format: str
) -> None:
    url = f"{video['links']['frames']}/3"
    exact = pixels_of(client.get(url).content)
    answer = client.get(url, params={"format": picture_format})
    assert answer.headers["content-type"] == f"image/{picture_format.lower()}"
    with Image.open(io.BytesIO(answer.content)) as opened:
        assert (opened.format, opened.size) == (picture_format, (128, 128))
    assert difference(pixels_of(answer.content), exact) <= (4 if picture_format == "JPEG" else 0)
    small = client.get(url, params={"format": picture_format, "width_px": 32})
    with Image.open(io.BytesIO(small.content)) as opened:
        assert (opened.format, opened.size) == (picture_format, (32, 32))
    larger = client.get(url, params={"width_px": 512})
    assert pixels_of(larger.content).shape == exact.shape
    assert len({answer.headers["etag"], small.headers["etag"]}) == 2
    unchanged = client.get(url, params={"format": picture_format}, headers={"If-None-Match": answer.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_a_frame_past_the_end_is_not_there(client: httpx2.Client, video: dict[str, Any]) -> None:
    assert client.get(f"{video['links']['frames']}/15").status_code == 200
    for index in (16, 2**32 - 1):
        answer = client.get(f"{video['links']['frames']}/{index}")
        assert answer.status_code == 404
        assert answer.json()["details"][0]["reason"] == "FRAME_NOT_FOUND"


def test_a_clip_that_is_drawn_shows_the_frames_so_far_marked_partial(client: httpx2.Client) -> None:
    video = _submit(client, model=LONG_MODEL, frames=256, steps=1)
    url = video["links"]["frames"]
    waiting = client.get(url).json()
    assert (waiting["frames"], waiting["frame_count"], waiting["partial"]) == ([], 0, True)
    until_progress(client, video, "frame", 40)
    so_far = client.get(url).json()
    assert so_far["partial"]
    assert 32 <= so_far["frame_count"] < 256
    assert client.get(video["links"]["content"]).status_code == 400
    early = client.get(f"{url}/31")
    missing = client.get(f"{url}/255")
    assert (early.status_code, missing.status_code) == (200, 404)
    assert "so far" in missing.json()["message"]
    list(events_of(client, video["links"]["events"]))
    whole = client.get(url).json()
    assert (whole["frame_count"], whole["partial"]) == (256, False)
    assert client.get(f"{url}/31").content == early.content
    assert len(every(client, url, "frames")) == 256


@pytest.mark.parametrize("sse", [False, True], ids=["ndjson", "sse"])
def test_events_count_steps_then_frames_and_end_once(client: httpx2.Client, sse: bool) -> None:
    video = _submit(client, model=LONG_MODEL, frames=64, steps=8)
    told = list(events_of(client, video["links"]["events"], sse=sse))
    assert told[0]["type"] == "generation.snapshot"
    assert {payload(e)["kind"] for e in told if payload(e)} == {"video"}
    assert [bool(payload(e).get("terminal")) for e in told].count(True) == 1
    end = payload(told[-1])
    assert (end["state"], end["terminal"]) == ("SUCCEEDED", True)
    assert end["content_urls"][0] == video["links"]["content"]
    progress = [p for e in told if (p := payload(e).get("progress"))]
    details = [d for e in told if (d := detail(e))]
    counted = [(d["step"], d["frame"]) for d in details]
    assert counted == sorted(counted)
    assert {d["steps"] for d in details} == {8}
    assert {d["@type"] for d in details} == {"type.googleapis.com/atelier.video.v1.VideoProgress"}
    assert len({step for step, frame in counted if frame == 0}) > 2
    assert len({frame for step, frame in counted if frame}) > 2
    assert all(step == 8 for step, frame in counted if frame)
    assert [p["fraction"] for p in progress] == sorted(p["fraction"] for p in progress)
    previews = [base64.b64decode(payload(e)["preview"]) for e in told if payload(e).get("preview")]
    assert previews
    for preview in previews:
        with Image.open(io.BytesIO(preview)) as opened:
            assert opened.format == "JPEG"


@pytest.mark.parametrize("sse", [False, True], ids=["ndjson", "sse"])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_resuming_after_a_number_misses_nothing_and_repeats_nothing(
    client: httpx2.Client, after: int, sse: bool
) -> None:
    video = _submit(client, steps=4)
    told = list(events_of(client, video["links"]["events"], sse=sse, after_seq=after))
    kept = sorted({e["seq"] for e in told if e["type"] == "generation.progress" and e["seq"] > after})
    assert kept == list(range(after + 1, 4))
    assert payload(told[-1])["terminal"]
