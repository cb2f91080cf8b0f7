"""What the API answers by itself: nothing here is drawn."""

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest

from atelier.jobs.v1 import job_pb2
from atelier.type.v1 import type_pb2
from atelier.type.v1.type_pb2 import ModelState
from atelier.video.v1 import video_pb2
from atelier_service.paging import encode_token
from tests.service.owner import answer_to, refusal
from tests.service.video.video_mesh import DEMO, ENDLESS, PAINTER, SMALL, VideoMesh
from tests.unit.storage import pictures

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def refused(call: Any) -> tuple[str, str, list[str]]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return refusal(caught.value)


async def test_an_accepted_video_is_a_202_with_a_location(idle_mesh: VideoMesh) -> None:
    ada = await idle_mesh.newcomer()
    call = ada.call("Generate", parameters=video_pb2.VideoParameters(**SMALL))
    video, headers = await call, dict(await call.initial_metadata())
    assert headers["x-http-code"] == "202"
    assert headers["location"] == video.links.self == f"/api/v1/videos/{video.id}"
    assert (video.state, video.attempt, video.cached, len(video.trace_id)) == (job_pb2.QUEUED, 0, False, 32)


async def test_who_has_waited_long_enough_gets_the_video_as_it_stands(idle_mesh: VideoMesh) -> None:
    ada = await idle_mesh.newcomer()
    call = ada.call("Generate", headers=(("prefer", "wait=1"),), parameters=video_pb2.VideoParameters(**SMALL))
    assert (await call).state == job_pb2.QUEUED
    headers = dict(await call.initial_metadata())
    assert (headers["x-http-code"], headers["preference-applied"]) == ("202", "wait=1")


async def test_defaults_of_a_video_are_in_the_response(idle_mesh: VideoMesh) -> None:
    ada = await idle_mesh.newcomer()
    told = (await ada.generate(prompt="a cat", metadata={"project": "cats"})).parameters
    assert (told.model, told.width_px, told.height_px, told.frames, told.frame_rate_hz) == (DEMO, 128, 128, 16, 8)
    assert (told.steps, told.guidance_scale, told.first_frame_asset_id) == (10, 2.0, "")
    assert (told.scheduler, told.container) == (type_pb2.DDIM, video_pb2.MP4)
    assert dict(told.metadata) == {"project": "cats"}


@pytest.mark.parametrize(("fields", "reason", "wrong"), [
    ({"frames": 0}, "INVALID_FIELD", ["frames"]),
    ({"frames": 17}, "INVALID_FRAMES", ["frames"]),
    ({"frames": 10_000}, "INVALID_FIELD", ["frames"]),
    ({"width_px": 65}, "INVALID_FIELD", ["width_px"]),
    ({"width_px": 72, "height_px": 160}, "INVALID_SIZE", ["width_px", "height_px"]),
    ({"frame_rate_hz": 0.0}, "INVALID_FIELD", ["frame_rate_hz"]),
    ({"frame_rate_hz": float("nan")}, "INVALID_FIELD", ["frame_rate_hz"]),
    ({"frame_rate_hz": 60.0, "container": "GIF"}, "INVALID_FRAME_RATE", ["frame_rate_hz"]),
    ({"container": 9}, "INVALID_FIELD", ["container"]),
    ({"model": "no-such"}, "UNKNOWN_MODEL", ["model"]),
    ({"model": "demo-image"}, "UNKNOWN_MODEL", ["model"]),
    ({"steps": 0}, "INVALID_FIELD", ["steps"]),
    ({"prompt": ""}, "INVALID_FIELD", ["prompt"]),
])  # fmt: skip
async def test_a_wrong_field_of_a_video_is_named(
    idle_mesh: VideoMesh, fields: dict[str, Any], reason: str, wrong: list[str]
) -> None:
    ada = await idle_mesh.newcomer()
    code, said, named = await refused(ada.generate(**SMALL | fields))
    assert (code, said, sorted(set(named))) == ("INVALID_ARGUMENT", reason, sorted(wrong))
    assert not (await ada.page()).videos


async def test_a_clip_begins_with_a_picture_of_the_callers_own(idle_mesh: VideoMesh) -> None:
    ada = await idle_mesh.newcomer()
    asset_id = await ada.upload(pictures.png(), "image/png")
    video = await ada.generate(**SMALL, model=PAINTER, first_frame_asset_id=asset_id)
    assert video.parameters.first_frame_asset_id == asset_id
    code, reason, named = await refused(ada.generate(**SMALL, first_frame_asset_id=asset_id))
    assert (code, reason, named) == ("INVALID_ARGUMENT", "FIRST_FRAME_NOT_TAKEN", ["first_frame_asset_id"])


async def test_a_first_frame_of_another_owner_is_like_a_missing_one(idle_mesh: VideoMesh) -> None:
    ada, bob = await idle_mesh.newcomer(), await idle_mesh.newcomer()
    hers = await ada.upload(pictures.png(), "image/png")
    never = "0" * len(hers)
    answers = [
        await answer_to(bob.generate(**SMALL, model=PAINTER, first_frame_asset_id=asset_id), asset_id)
        for asset_id in (hers, never)
    ]
    assert answers[0] == answers[1]
    call = bob.generate(**SMALL, model=PAINTER, first_frame_asset_id=never)
    assert await refused(call) == ("NOT_FOUND", "ASSET_NOT_FOUND", ["first_frame_asset_id"])


@pytest.mark.parametrize(("data", "content_type"), [
    (pictures.mp4(), "video/mp4"), (pictures.webm(), "video/webm"), (pictures.gif(frames=3), "image/gif"),
])  # fmt: skip
async def test_a_first_frame_that_is_no_picture_is_refused(
    idle_mesh: VideoMesh, data: bytes, content_type: str
) -> None:
    ada = await idle_mesh.newcomer()
    asset_id = await ada.upload(data, content_type)
    call = ada.generate(**SMALL, model=PAINTER, first_frame_asset_id=asset_id)
    assert await refused(call) == ("INVALID_ARGUMENT", "NOT_A_PICTURE", ["first_frame_asset_id"])


async def test_a_second_submit_with_the_same_key_returns_the_first_video(idle_mesh: VideoMesh) -> None:
    ada, bob = await idle_mesh.newcomer(), await idle_mesh.newcomer()
    first = await ada.generate(**SMALL, headers=(("idempotency-key", "k"),))
    again = await asyncio.gather(*(ada.generate(**SMALL, request_id="k") for _ in range(6)))
    assert {video.id for video in again} == {first.id}
    assert {video.parameters.seed for video in again} == {first.parameters.seed}
    assert (await bob.generate(**SMALL, request_id="k")).id != first.id, "a key is its owner's own"
    assert (await refused(ada.generate(**SMALL, seed=1, request_id="k")))[:2] == (
        "ALREADY_EXISTS", "IDEMPOTENCY_KEY_REUSED",
    )  # fmt: skip
    both = ada.generate(**SMALL, request_id="k", headers=(("idempotency-key", "k2"),))
    assert await refused(both) == ("INVALID_ARGUMENT", "AMBIGUOUS_IDEMPOTENCY_KEY", ["request_id"])


CALLS: list[Any] = [
    lambda owner, video_id: owner.get(video_id),
    lambda owner, video_id: owner.cancel(video_id),
    lambda owner, video_id: owner.delete(video_id),
    lambda owner, video_id: owner.content(video_id),
    lambda owner, video_id: owner.content(video_id, "POSTER"),
    lambda owner, video_id: owner.frames(video_id),
    lambda owner, video_id: owner.frame(video_id, 0),
    lambda owner, video_id: owner.watch(video_id),
    lambda owner, video_id: owner.watch(video_id, after_seq=1),
]


async def test_a_video_of_another_owner_is_not_found_like_a_missing_one(idle_mesh: VideoMesh) -> None:
    ada, bob = await idle_mesh.newcomer(), await idle_mesh.newcomer()
    video = await ada.generate(**SMALL)
    never = video.id[:-4] + ("0000" if video.id[-4:] != "0000" else "1111")
    for call in CALLS:
        answer = await answer_to(call(bob, video.id), video.id)
        assert answer == await answer_to(call(bob, never), never)
        assert answer[0] == "NOT_FOUND"
    assert (await ada.get(video.id)).state == job_pb2.QUEUED
    assert not (await bob.page()).videos


async def test_pages_of_videos_are_newest_first_and_filtered(idle_mesh: VideoMesh) -> None:
    ada = await idle_mesh.newcomer()
    ids = [(await ada.generate(**SMALL)).id for _ in range(3)]
    await ada.cancel(ids[1])
    first = await ada.page(page_size=2)
    rest = await ada.page(page_size=2, page_token=first.next_page_token)
    assert [video.id for video in (*first.videos, *rest.videos)] == ids[::-1]
    assert not rest.next_page_token
    assert [video.id for video in (await ada.page(state=job_pb2.CANCELED)).videos] == [ids[1]]


async def test_the_error_of_a_quota_has_the_time_to_retry(idle_mesh: VideoMesh) -> None:
    ada = await idle_mesh.newcomer()
    for _ in range(4):
        await ada.generate(**SMALL)
    assert (await refused(ada.generate(**SMALL)))[:2] == ("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")


async def test_a_video_that_waits_has_no_content_and_no_frames_yet(idle_mesh: VideoMesh) -> None:
    ada = await idle_mesh.newcomer()
    video = await ada.generate(**SMALL)
    for role in ("", "POSTER", "CONTACT_SHEET"):
        assert (await refused(ada.content(video.id, role)))[:2] == ("FAILED_PRECONDITION", "VIDEO_NOT_READY")
    frames = await ada.frames(video.id)
    assert (list(frames.frames), frames.frame_count, frames.partial) == ([], 0, True)
    assert (await refused(ada.frame(video.id, 0)))[:2] == ("NOT_FOUND", "FRAME_NOT_FOUND")


async def test_a_video_that_waits_is_canceled_at_once(idle_mesh: VideoMesh) -> None:
    ada = await idle_mesh.newcomer()
    video = await ada.generate(**SMALL)
    assert (await ada.cancel(video.id)).state == job_pb2.CANCELED
    assert (await ada.cancel(video.id)).state == job_pb2.CANCELED
    frames = await ada.frames(video.id)
    assert (frames.frame_count, frames.partial) == (0, False), "no more will come"


@pytest.mark.parametrize("token", ["nonsense", encode_token("first"), encode_token(-1), encode_token(1, 2)])
async def test_a_page_token_of_frames_that_is_none_is_refused(idle_mesh: VideoMesh, token: str) -> None:
    ada = await idle_mesh.newcomer()
    video = await ada.generate(**SMALL)
    code, _, named = await refused(ada.frames(video.id, page_token=token))
    assert (code, named) == ("INVALID_ARGUMENT", ["page_token"])


async def test_the_catalogue_contains_the_defaults_of_a_video_model(idle_mesh: VideoMesh) -> None:
    ada = await idle_mesh.newcomer()
    answer = await ada.models()
    assert [model.id for model in answer.models] == [DEMO, ENDLESS, PAINTER]
    model = answer.models[0]
    assert (model.is_default, model.state, model.size_multiple_px) == (True, ModelState.UNLOADED, 32)
    assert (model.max_size_px, model.max_frames, model.takes_first_frame) == (128, 16, False)
    assert (model.defaults.frames, model.defaults.frame_rate_hz, model.defaults.steps) == (16, 8, 10)
    assert model.defaults.container == video_pb2.MP4
    assert [model.max_frames for model in answer.models[1:]] == [256, 16]
    assert answer.models[2].takes_first_frame
    assert await ada.model("Get", DEMO) == model


async def test_video_models_are_loaded_by_administrators_where_there_is_a_worker(idle_mesh: VideoMesh) -> None:
    ada, admin = await idle_mesh.newcomer(), await idle_mesh.admin()
    assert (await refused(ada.model("Load", DEMO)))[:2] == ("PERMISSION_DENIED", "ADMIN_ONLY")
    assert (await refused(admin.model("Load", DEMO)))[:2] == ("UNAVAILABLE", "NO_WORKER")
    for verb in ("Get", "Load", "Unload"):
        assert (await refused(admin.model(verb, "demo-image")))[:2] == ("NOT_FOUND", "MODEL_NOT_FOUND")
