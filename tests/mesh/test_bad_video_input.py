"""Bad input of clips: what is wrong is named, nothing is made."""

import io
from typing import Any

import httpx2
import pytest
from PIL import Image

from tests.mesh.clip import FIRST_FRAME_MODEL, GENERATE, LONG_MODEL, generate_clip
from tests.mesh.pages import every
from tests.mesh.running_mesh import RunningMesh


def _named(answer: httpx2.Response) -> set[str]:
    """The fields that an error names."""
    return {v["field"] for detail in answer.json()["details"] for v in detail.get("field_violations", ())}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("frames", 0), ("frames", 10_000), ("frames", 17), ("frames", -1), ("frames", "many"), ("frames", 1.5),
        ("width_px", 127), ("height_px", 101), ("width_px", 72), ("height_px", 0), ("width_px", 4096),
        ("frame_rate_hz", 0), ("frame_rate_hz", -8), ("frame_rate_hz", 1000), ("frame_rate_hz", "NaN"),
        ("frame_rate_hz", "Infinity"), ("frame_rate_hz", "fast"),
        ("container", "AVI"), ("container", 99), ("container", "mp4"),
        ("steps", 0), ("steps", 150_000), ("seed", -1), ("seed", 2**32), ("guidance_scale", "NaN"),
        ("prompt", ""), ("prompt", "x" * 5000), ("model", "no-such-model"), ("model", "demo-image"),
        ("scheduler", "MAGIC"), ("metadata", {"k": "v" * 500}), ("metadata", "text"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(client: httpx2.Client, field: str, value: Any) -> None:
    answer = client.post(GENERATE, json={"prompt": "a red ball moving right", field: value})
    assert answer.status_code == 400, answer.text
    assert {name.partition(".")[0] for name in _named(answer)} == {field}


def test_both_sides_are_named_when_both_are_odd(client: httpx2.Client) -> None:
    answer = client.post(GENERATE, json={"prompt": "a red ball", "width_px": 101, "height_px": 101})
    assert answer.status_code == 400
    assert _named(answer) == {"width_px", "height_px"}


def test_a_gif_of_more_frames_a_second_than_it_can_show_is_refused(client: httpx2.Client) -> None:
    answer = client.post(GENERATE, json={"prompt": "a red ball", "container": "GIF", "frame_rate_hz": 60})
    assert answer.status_code == 400
    assert _named(answer) == {"frame_rate_hz"}


def test_more_frames_than_the_model_draws_are_refused_with_the_number(client: httpx2.Client) -> None:
    answer = client.post(GENERATE, json={"prompt": "a red ball", "model": LONG_MODEL, "frames": 257})
    assert answer.status_code == 400
    assert "256" in answer.json()["message"]


def _uploaded(client: httpx2.Client) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (128, 128), "red").save(buffer, "PNG")
    answer = client.post("/api/v1/assets", content=buffer.getvalue(), headers={"Content-Type": "image/png"})
    asset_id: str = answer.json()["id"]
    return asset_id


def test_a_first_frame_that_is_not_the_callers_is_not_there(mesh: RunningMesh, client: httpx2.Client) -> None:
    with mesh.client(mesh.key_of("painter")) as painter:
        theirs = _uploaded(painter)
    answers = [
        client.post(GENERATE, json={"prompt": "x", "model": FIRST_FRAME_MODEL, "first_frame_asset_id": asset_id})
        for asset_id in (theirs, "01890000-0000-7000-8000-000000000000")
    ]
    assert [a.status_code for a in answers] == [404, 404]
    assert [_named(a) for a in answers] == [{"first_frame_asset_id"}] * 2
    assert answers[0].text.replace(theirs, "ID") == answers[1].text.replace(
        "01890000-0000-7000-8000-000000000000", "ID"
    )


def test_a_first_frame_that_is_no_picture_is_refused(client: httpx2.Client) -> None:
    video = generate_clip(client, seed=1, steps=2)
    clip = video["outputs"][0]["asset_id"]
    answer = client.post(GENERATE, json={"prompt": "x", "model": FIRST_FRAME_MODEL, "first_frame_asset_id": clip})
    assert answer.status_code == 400
    assert _named(answer) == {"first_frame_asset_id"}
    assert answer.json()["details"][0]["reason"] == "NOT_A_PICTURE"


def test_a_first_frame_for_a_model_that_takes_none_is_refused(client: httpx2.Client) -> None:
    answer = client.post(GENERATE, json={"prompt": "x", "first_frame_asset_id": _uploaded(client)})
    assert answer.status_code == 400
    assert _named(answer) == {"first_frame_asset_id"}
    assert answer.json()["details"][0]["reason"] == "FIRST_FRAME_NOT_TAKEN"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/frames/-1", "index"), ("/frames/first", "index"), ("/frames/0?width_px=4", "width_px"),
        ("/frames/0?width_px=0", "width_px"), ("/frames/0?format=BMP", "format"), ("/content?role=FRAMES", "role"),
        ("/frames?page_token=rubbish", "page_token"), ("/frames?page_size=-1", "page_size"),
        ("/frames?colour=red", "colour"), ("/events?after_seq=-1", "after_seq"),
    ],
)  # fmt: skip
def test_a_wrong_question_about_a_video_is_named(client: httpx2.Client, path: str, field: str) -> None:
    video = generate_clip(client, seed=1, steps=2)
    answer = client.get(video["links"]["self"] + path)
    assert answer.status_code == 400, answer.text
    assert field in answer.text


def test_what_was_refused_was_not_recorded(mesh: RunningMesh) -> None:
    with mesh.client(mesh.key_of("careless")) as client:
        for body in ({"prompt": ""}, {"prompt": "x", "frames": 0}, {"prompt": "x", "frames": 17}):
            assert client.post(GENERATE, json=body).status_code == 400
        assert every(client, "/api/v1/videos", "videos") == []
