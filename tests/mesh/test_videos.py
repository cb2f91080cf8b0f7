"""Clips through REST: accepted, made, listed, stopped, removed."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import av
import grpc.aio
import httpx2
import pytest

from atelier.video.v1 import video_pb2, video_pb2_grpc
from atelier_media.clip_reader import ClipReader
from tests.mesh.clip import (
    FIRST_FRAME_MODEL,
    GENERATE,
    LONG_MODEL,
    difference,
    frames_of,
    generate_clip,
    pixels_of,
    places_of_red,
)
from tests.mesh.pages import asset_ids
from tests.mesh.picture import content
from tests.mesh.running_mesh import RunningMesh
from tests.mesh.seed import new_seed
from tests.mesh.story import events_of, payload, until_progress
from tests.support.wait import eventually

LONG = {"model": LONG_MODEL, "frames": 256, "steps": 1}
"""Of a clip that is still encoded when something happens to it."""


def _submit(client: httpx2.Client, **parameters: Any) -> dict[str, Any]:
    body = {"prompt": "a blue triangle moving up", "seed": new_seed(), **parameters}
    answer = client.post(GENERATE, json=body)
    assert answer.status_code == 202, answer.text
    video: dict[str, Any] = answer.json()
    return video


def _scratch(mesh: RunningMesh) -> list[str]:
    """What clips have left on the disk: everything but the folders themselves."""
    return [str(path) for folder in (mesh.state_dir / "scratch").iterdir() for path in folder.iterdir()]


def test_a_prompt_becomes_a_clip_that_shows_it(client: httpx2.Client, mesh: RunningMesh) -> None:
    video = generate_clip(client, "a red ball moving right on a white background", seed=1)
    clip = content(client, video)
    frames = frames_of(clip)
    assert len(frames) == video["parameters"]["frames"] == 16
    assert {frame.shape for frame in frames} == {(128, 128, 3)}
    places = places_of_red(frames)
    assert places == sorted(places)
    assert places[-1] - places[0] > 30
    assert _scratch(mesh) == []


def test_a_submit_is_accepted_with_links_and_an_echo_of_every_parameter(client: httpx2.Client) -> None:
    answer = client.post(GENERATE, json={"prompt": "a green ball moving down", "steps": 2, "metadata": {"shop": "7"}})
    assert answer.status_code == 202
    video = answer.json()
    assert video["state"] == "QUEUED"
    path = f"/api/v1/videos/{video['id']}"
    assert answer.headers["location"] == path
    assert video["links"] == {
        "self": path, "events": f"{path}/events", "content": f"{path}/content", "frames": f"{path}/frames",
        "cancel": f"{path}/cancel",
    }  # fmt: skip
    echo = video["parameters"]
    assert (echo["model"], echo["frames"], echo["frame_rate_hz"], echo["container"]) == ("demo-video", 16, 8, "MP4")
    assert echo["metadata"] == {"shop": "7"}
    assert {"width_px", "height_px", "guidance_scale", "seed", "scheduler"} <= echo.keys()
    assert len(video["trace_id"]) == 32
    assert client.get(video["links"]["content"]).status_code in (200, 400)  # 400 while it is not finished


@pytest.mark.parametrize(
    ("container", "content_type"), [("MP4", "video/mp4"), ("WEBM", "video/webm"), ("GIF", "image/gif")]
)
def test_clips_have_the_requested_container(client: httpx2.Client, container: str, content_type: str) -> None:
    video = generate_clip(client, seed=new_seed(), container=container, steps=2)
    answer = client.get(video["links"]["content"])
    assert answer.headers["content-type"] == content_type == video["outputs"][0]["content_type"]
    assert len(frames_of(answer.content)) == video["outputs"][0]["frame_count"] == 16


@pytest.mark.parametrize(("container", "suffix"), [("MP4", ".mp4"), ("WEBM", ".webm")])
def test_a_clip_contains_the_parameters_that_reproduce_it(
    client: httpx2.Client, container: str, suffix: str, tmp_path: Any
) -> None:
    video = generate_clip(client, seed=1, container=container, steps=2)
    (file := tmp_path / f"clip{suffix}").write_bytes(content(client, video))
    with ClipReader(file) as reader:
        said = reader.info.parameters
    assert said is not None
    assert (said["prompt"], said["seed"], said["steps"]) == ("a red ball moving right", 1, 2)
    assert said["model_revision"] == video["model_revision"]


def test_another_frame_rate_repeats_frames_and_keeps_the_speed(client: httpx2.Client) -> None:
    slow = generate_clip(client, seed=1)
    fast = generate_clip(client, seed=1, frame_rate_hz=24)
    assert fast["outputs"][0]["frame_count"] == 48
    assert fast["outputs"][0]["duration_s"] == slow["outputs"][0]["duration_s"] == 2
    drawn, shown = frames_of(content(client, slow)), frames_of(content(client, fast))
    nearest = [min(range(16), key=lambda k: difference(frame, drawn[k])) for frame in shown]
    assert nearest == [min(round(k / 3), 15) for k in range(48)], "each shows the drawn frame nearest in time"
    frames = client.get(fast["links"]["frames"]).json()
    assert (frames["frame_count"], frames["frames"][1]["time_s"]) == (16, 0.125)


def test_a_clip_has_a_poster_and_a_contact_sheet(client: httpx2.Client) -> None:
    video = generate_clip(client, seed=1, steps=2)
    clip, poster, sheet = video["outputs"]
    assert [o["role"] for o in video["outputs"]] == ["CLIP", "POSTER", "CONTACT_SHEET"]
    assert (poster["content_type"], sheet["content_type"]) == ("image/png", "image/jpeg")
    middle = client.get(f"{video['links']['frames']}/8")
    assert difference(pixels_of(content(client, video, 1)), pixels_of(middle.content)) == 0
    shape = pixels_of(content(client, video, 2)).shape
    assert shape == (sheet["height_px"], sheet["width_px"], 3)
    assert min(shape[:2]) > 3 * clip["width_px"]


def test_content_has_an_etag_and_takes_ranges(client: httpx2.Client) -> None:
    video = generate_clip(client, seed=1, steps=2)
    url = video["links"]["content"]
    whole = client.get(url)
    size = len(whole.content)
    assert (whole.headers["accept-ranges"], size) == ("bytes", int(video["outputs"][0]["size_bytes"]))
    unchanged = client.get(url, headers={"If-None-Match": whole.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    for asked, first, last in [
        ("0-0", 0, 0), ("0-1023", 0, 1023), ("1024-4095", 1024, 4095), ("4096-", 4096, size - 1),
        ("-500", size - 500, size - 1), (f"100-{10 * size}", 100, size - 1),
    ]:  # fmt: skip
        part = client.get(url, headers={"Range": f"bytes={asked}"})
        assert part.status_code == 206
        assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert part.content == whole.content[first : last + 1]
    current = {"Range": "bytes=10-19", "If-Range": whole.headers["etag"]}
    assert client.get(url, headers=current).status_code == 206
    assert client.get(url, headers={**current, "If-Range": '"another"'}).status_code == 200
    beyond = client.get(url, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")


def test_a_player_opens_the_address_and_seeks(client: httpx2.Client, mesh: RunningMesh) -> None:
    video = generate_clip(client, seed=1, steps=2)
    headers = {"headers": f"X-Api-Key: {mesh.api_key}\r\n"}
    with av.open(mesh.url + video["links"]["content"], options=headers) as player:
        (stream,) = player.streams.video
        last = list(player.decode(stream))[-1].to_ndarray(format="rgb24")
        player.seek(0)
        first = next(player.decode(stream)).to_ndarray(format="rgb24")
    frames = frames_of(content(client, video))
    assert difference(first, frames[0]) == difference(last, frames[-1]) == 0


def test_sending_the_echo_again_makes_the_same_bytes_from_the_cache(client: httpx2.Client) -> None:
    first = generate_clip(client, seed=new_seed(), steps=2)
    assert not first["cached"]
    again = client.post(GENERATE, json=first["parameters"])
    assert again.status_code == 200
    video = again.json()
    assert video["cached"]
    assert video["id"] != first["id"]
    assert [o["sha256"] for o in video["outputs"]] == [o["sha256"] for o in first["outputs"]]
    assert content(client, video) == content(client, first)
    frame = client.get(f"{first['links']['frames']}/15").content
    client.delete(first["links"]["self"])
    assert client.get(f"{video['links']['frames']}/15").content == frame


def test_the_same_seed_makes_the_same_bytes_also_when_nothing_is_cached(mesh: RunningMesh) -> None:
    seed = new_seed()
    clips = []
    for user in ("clip-twin-a", "clip-twin-b"):  # the cache is per owner
        with mesh.client(mesh.key_of(user)) as client:
            video = generate_clip(client, seed=seed, steps=2)
            assert not video["cached"]
            clips.append(content(client, video))
    assert clips[0] == clips[1]


def test_videos_are_listed_newest_first_in_pages_and_by_state(mesh: RunningMesh) -> None:
    with mesh.client(mesh.key_of("clip-lister")) as client:
        ids = [generate_clip(client, seed=new_seed(), steps=1, frames=2)["id"] for _ in range(3)]
        first = client.get("/api/v1/videos", params={"page_size": 2}).json()
        assert [v["id"] for v in first["videos"]] == ids[:0:-1]
        second = client.get("/api/v1/videos", params={"page_size": 2, "page_token": first["next_page_token"]}).json()
        assert [v["id"] for v in second["videos"]] == ids[:1]
        assert second["next_page_token"] == ""
        assert len(client.get("/api/v1/videos", params={"state": "SUCCEEDED"}).json()["videos"]) == 3
        assert client.get("/api/v1/videos", params={"state": "FAILED"}).json()["videos"] == []
        assert client.get("/api/v1/images").json()["images"] == []


def test_two_submits_with_one_idempotency_key_make_one_job_also_at_the_same_time(client: httpx2.Client) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"prompt": "a red ball moving left", "steps": 2}
    barrier = threading.Barrier(6)

    def submit(_: int) -> httpx2.Response:
        barrier.wait()
        return client.post(GENERATE, json=body, headers=headers)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(submit, range(6)))
    assert {a.status_code for a in answers} <= {200, 202}
    assert len({a.json()["id"] for a in answers}) == 1
    other = client.post(GENERATE, json={**body, "frames": 8}, headers=headers)
    assert other.status_code == 409
    assert other.json()["details"][0]["reason"] == "IDEMPOTENCY_KEY_REUSED"


def test_cancel_while_it_denoises_stops_within_a_step_and_is_idempotent(client: httpx2.Client) -> None:
    video = _submit(client, steps=200)
    until_progress(client, video)
    for _ in range(2):
        assert client.post(video["links"]["cancel"], json={}).status_code == 200
    assert payload(list(events_of(client, video["links"]["events"]))[-1])["state"] == "CANCELED"
    assert client.get(video["links"]["self"]).json()["progress"]["step"] < 200


async def test_cancel_while_frames_are_encoded_leaves_nothing_behind(mesh: RunningMesh) -> None:
    with mesh.client(mesh.key_of("quitter")) as client:
        video = _submit(client, **LONG)
        until_progress(client, video, "frame", 20)
        assert asset_ids(client), "frames are stored already"
        assert _scratch(mesh), "the clip grows"
        client.post(video["links"]["cancel"], json={})
        assert payload(list(events_of(client, video["links"]["events"]))[-1])["state"] == "CANCELED"
        ended = client.get(video["links"]["self"]).json()
        assert ended["outputs"] == []
        assert ended["progress"]["frame"] < 256
        await eventually(lambda: not asset_ids(client), 20, "no file of the video is left")
        await eventually(lambda: not _scratch(mesh), 20, "no file of the worker is left")
        frames = client.get(video["links"]["frames"]).json()
        assert (frames["frame_count"], frames["partial"]) == (0, False)


@pytest.mark.parametrize("moment", ["running", "finished"])
async def test_a_deleted_video_is_gone_with_its_files(mesh: RunningMesh, moment: str) -> None:
    with mesh.client(mesh.key_of(f"clip-remover-{moment}")) as client:
        if moment == "running":
            video = _submit(client, **LONG)
            until_progress(client, video, "frame", 20)
        else:
            video = generate_clip(client, seed=new_seed(), steps=2)
        assert asset_ids(client)
        assert client.delete(video["links"]["self"]).status_code == 200
        for path in ("self", "content", "frames", "events"):
            assert client.get(video["links"][path]).status_code == 404
        assert client.get(f"{video['links']['frames']}/0").status_code == 404
        await eventually(lambda: not asset_ids(client), 20, "no file of the video is left")
        await eventually(lambda: not _scratch(mesh), 20, "no file of the worker is left")


def test_a_video_of_another_owner_is_404_exactly_like_a_missing_one(mesh: RunningMesh, client: httpx2.Client) -> None:
    video = generate_clip(client, seed=1, steps=2)
    with mesh.client(mesh.key_of("clip-stranger")) as stranger:
        never = "/api/v1/videos/01890000-0000-7000-8000-000000000000"
        for suffix in ("", "/content", "/content?role=POSTER", "/frames", "/frames/0", "/events"):
            theirs, nothing = stranger.get(video["links"]["self"] + suffix), stranger.get(never + suffix)
            assert theirs.status_code == 404, suffix
            assert theirs.text.replace(video["id"], "ID") == nothing.text.replace(never.rpartition("/")[2], "ID")
        assert stranger.post(video["links"]["cancel"], json={}).status_code == 404
        assert stranger.delete(video["links"]["self"]).status_code == 404
        assert client.get(f"/api/v1/images/{video['id']}").status_code == 404
    assert client.get(video["links"]["self"]).json()["state"] == "SUCCEEDED"


def test_every_route_needs_a_key(mesh: RunningMesh, client: httpx2.Client) -> None:
    video = generate_clip(client, seed=1, steps=2)
    with mesh.client("") as anybody:
        for path in ("self", "content", "frames", "events"):
            assert anybody.get(video["links"][path]).status_code == 401
        assert anybody.post(GENERATE, json={"prompt": "x"}).status_code == 401


async def test_grpc_makes_the_same_clip(mesh: RunningMesh, client: httpx2.Client) -> None:
    over_rest = generate_clip(client, seed=1, steps=2)
    key = ("x-api-key", mesh.api_key)
    async with grpc.aio.insecure_channel(mesh.grpc_address) as channel:
        videos = video_pb2_grpc.VideoServiceStub(channel)
        parameters = video_pb2.VideoParameters(prompt="a red ball moving right", seed=1, steps=2)
        request = video_pb2.GenerateVideoRequest(parameters=parameters)
        video = await videos.GenerateVideo(request, metadata=(key, ("prefer", "wait=60")))
        chunks = videos.GetVideoContent(video_pb2.GetVideoContentRequest(id=video.id), metadata=(key,))
        clip = b"".join([chunk.data async for chunk in chunks])
        frames = await videos.ListVideoFrames(video_pb2.ListVideoFramesRequest(id=video.id), metadata=(key,))
        past = videos.GetVideoFrame(video_pb2.GetVideoFrameRequest(id=video.id, index=16), metadata=(key,))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await past.read()
    assert clip == content(client, over_rest)
    assert frames.frame_count == len(frames.frames) == 16
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_models_of_clips_are_listed_and_can_be_unloaded_and_loaded(client: httpx2.Client) -> None:
    models = client.get("/api/v1/video-models").json()["models"]
    assert [(m["id"], m["is_default"], m["max_frames"], m["takes_first_frame"]) for m in models] == [
        ("demo-video", True, 16, False), (FIRST_FRAME_MODEL, False, 16, True), (LONG_MODEL, False, 256, False),
    ]  # fmt: skip
    generate_clip(client, seed=1, steps=2)
    assert client.post("/api/v1/video-models/demo-video/unload", json={}).status_code == 202
    _until_model_is(client, "UNLOADED")
    assert client.post("/api/v1/video-models/demo-video/load", json={}).status_code == 202
    _until_model_is(client, "READY")
    assert int(client.get("/api/v1/video-models/demo-video").json()["memory_bytes"]) > 1_000_000
    assert client.get("/api/v1/video-models/demo-image").status_code == 404


def _until_model_is(client: httpx2.Client, state: str) -> None:
    """Reads the models' events from the start of the log until it is in `state`, and asks whether it says so itself."""
    for event in events_of(client, "/api/v1/events", types="model.status", after="0"):
        if client.get("/api/v1/video-models/demo-video").json()["state"] == state:
            return
        assert event["type"] in ("model.status", "heartbeat")
