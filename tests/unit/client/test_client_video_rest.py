"""Videos through the client over REST: routes, waiting, streams and bodies that break."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from tests.unit.client.scripted_http import Answer, ScriptedHttp

from atelier_client import AsyncClient, AtelierApiError, Client, JobFailedError, RetryPolicy

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 1_000 + b"\0\0\0\0IEND\xaeB`\x82"
VIDEO = {"id": "v1", "state": "SUCCEEDED", "parameters": {"prompt": "x"}, "seq": 4, "trace_id": "t"}
BUSY = Answer(503, {"code": 14, "message": "away"})


def _client(http: ScriptedHttp, retry: RetryPolicy) -> AsyncClient:
    return AsyncClient(http.url, "atl_key", retry=retry)


def _event(seq: int, state: str, *, terminal: bool = False, kind: str = "generation_progress") -> dict[str, Any]:
    progress = {"state": state, "terminal": terminal, "progress": {"step": 2, "steps": 2, "frame": 1, "frames": 4}}
    return {"type": "generation.progress", "job_id": "v1", "seq": seq, kind: progress}


def _finished(data: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    output = {"role": "CLIP", "content_type": "video/mp4", "size_bytes": str(len(data)), "sha256": digest}
    return {**VIDEO, "outputs": [output]}


async def test_generate_video_posts_the_parameters_with_key_and_patience(
    http: ScriptedHttp, hasty: RetryPolicy
) -> None:
    http.answers = [BUSY, Answer(200, VIDEO)]
    async with _client(http, hasty) as client:
        video = await client.generate_video("x", seed=1, frames=16, container="GIF", first_frame="a1")
    first, second = http.asked
    assert (second.verb, second.path) == ("POST", "/api/v1/videos/generate")
    assert second.body == b'{"prompt":"x","frames":16,"seed":1,"first_frame_asset_id":"a1","container":"GIF"}'
    assert second.headers["prefer"] == "wait=60"
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert (video.id, video.finished, repr(video)) == ("v1", True, "<AsyncVideo v1 SUCCEEDED 'x'>")


async def test_a_202_is_followed_through_its_events_to_the_end_though_they_break(
    http: ScriptedHttp, hasty: RetryPolicy
) -> None:
    http.answers = [
        Answer(202, {**VIDEO, "state": "QUEUED", "seq": 1}),
        Answer(lines=[_event(1, "QUEUED", kind="snapshot"), _event(2, "RUNNING")], broken=True),
        BUSY,
        Answer(lines=[{"type": "heartbeat", "heartbeat": {}}, _event(3, "RUNNING")]),  # ends well, but too early
        Answer(lines=[_event(4, "SUCCEEDED", terminal=True)]),
        Answer(200, VIDEO),
    ]
    async with _client(http, hasty) as client:
        video = await client.generate_video("x")
    assert video.state == "SUCCEEDED"
    assert [asked.path for asked in http.asked[1:]] == [
        "/api/v1/videos/v1/events",
        "/api/v1/videos/v1/events?after_seq=2",
        "/api/v1/videos/v1/events?after_seq=2",
        "/api/v1/videos/v1/events?after_seq=3",
        "/api/v1/videos/v1",
    ]


async def test_a_stream_without_further_events_ends_with_the_video(http: ScriptedHttp, hasty: RetryPolicy) -> None:
    http.answers = [Answer(lines=[]), Answer(200, VIDEO)]
    async with _client(http, hasty) as client:
        assert [event async for event in client.videos.watch("v1", after_seq=4)] == []
    assert http.asked[1].path == "/api/v1/videos/v1"


async def test_a_limited_wait_returns_the_current_video(http: ScriptedHttp, hasty: RetryPolicy) -> None:
    http.answers = [Answer(200, {**VIDEO, "state": "RUNNING"})]
    async with _client(http, hasty) as client:
        assert (await client.generate_video("x", wait=0.05)).state == "RUNNING"


def test_a_clip_that_came_by_half_is_fetched_again(http: ScriptedHttp, hasty: RetryPolicy, tmp_path: Path) -> None:
    data = b"clip" * 10_000
    http.answers = [Answer(200, _finished(data)), Answer(lines=[data[:100]]), Answer(lines=[data[:5000], data[5000:]])]
    with Client(http.url, "atl_key", retry=hasty) as client:
        video = client.generate_video("x")
        saved = video.save(tmp_path / "ball.mp4")
        with pytest.raises(AtelierApiError, match="the video has no POSTER"):
            video.poster()
    assert saved.read_bytes() == data
    assert list(tmp_path.iterdir()) == [saved]
    assert http.asked[-1].path == "/api/v1/videos/v1/content?role=CLIP"


def test_a_frame_that_came_by_half_is_fetched_again(http: ScriptedHttp, hasty: RetryPolicy) -> None:
    http.answers = [Answer(200, VIDEO), Answer(lines=[PNG[:100]]), Answer(lines=[]), Answer(lines=[PNG])]
    with Client(http.url, "atl_key", retry=hasty) as client:
        assert client.generate_video("x").frame(0, width_px=64) == PNG
    # The first frame's index is 0, which JSON leaves out and a path must not.
    assert http.asked[-1].path == "/api/v1/videos/v1/frames/0?format=PNG&width_px=64"


async def test_lists_and_frames_are_fetched_page_by_page(http: ScriptedHttp, hasty: RetryPolicy) -> None:
    http.answers = [
        Answer(200, {"videos": [VIDEO], "next_page_token": "b"}),
        Answer(200, {"videos": [{**VIDEO, "id": "v0"}]}),
        Answer(200, {"frames": [{}, {"index": 1, "time_s": 0.125}], "next_page_token": "2", "partial": True}),
        Answer(200, {"frames": [{"index": 2, "content_url": "/api/v1/videos/v1/frames/2"}]}),
    ]
    async with _client(http, hasty) as client:
        videos = [video async for video in client.videos.list(state="succeeded")]
        assert [video.id for video in videos] == ["v1", "v0"]
        assert [frame.index async for frame in videos[0].frames()] == [0, 1, 2]
    assert [asked.path for asked in http.asked] == [
        "/api/v1/videos?state=SUCCEEDED",
        "/api/v1/videos?page_token=b&state=SUCCEEDED",
        "/api/v1/videos/v1/frames",
        "/api/v1/videos/v1/frames?page_token=2",
    ]


async def test_cancel_and_delete_and_models_have_their_routes(http: ScriptedHttp, hasty: RetryPolicy) -> None:
    http.answers = [Answer(200, {**VIDEO, "state": "CANCELED"}), Answer(200, {}), Answer(202, {"id": "m"})]
    async with _client(http, hasty) as client:
        assert (await client.videos.cancel("v1")).state == "CANCELED"
        await client.videos.delete("v1")
        await client.load_video_model("m")
    assert [(asked.verb, asked.path) for asked in http.asked] == [
        ("POST", "/api/v1/videos/v1/cancel"),
        ("DELETE", "/api/v1/videos/v1"),
        ("POST", "/api/v1/video-models/m/load"),
    ]


async def test_a_failed_video_raises_its_reason_and_a_refused_one_its_field(
    http: ScriptedHttp, hasty: RetryPolicy
) -> None:
    violations = [{"field": "frames", "description": "must be at most 64"}]
    bad = {"@type": "type.googleapis.com/google.rpc.BadRequest", "field_violations": violations}
    http.answers = [
        Answer(200, {**VIDEO, "state": "FAILED", "error": {"reason": "OUT_OF_MEMORY", "message": "it does not fit"}}),
        Answer(400, {"code": 3, "message": "no", "details": [bad]}),
    ]
    async with _client(http, hasty) as client:
        with pytest.raises(JobFailedError, match="it does not fit"):
            await client.generate_video("x")
        with pytest.raises(AtelierApiError) as caught:
            await client.generate_video("x", frames=65)
    assert dict(caught.value.fields) == {"frames": "must be at most 64"}
