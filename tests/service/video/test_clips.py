"""From a prompt to a clip, and what can be asked of it."""

import hashlib
import io
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from PIL import Image

from atelier.jobs.v1 import job_pb2
from atelier.storage.v1 import storage_pb2
from atelier.type.v1.type_pb2 import ModelState
from atelier.video.v1 import video_pb2
from atelier_media.clip_reader import ClipReader
from tests.service.owner import refusal
from tests.service.video.video_mesh import DEMO, ENDLESS_CLIP, LONG, PAINTER, SMALL, Owner, VideoMesh
from tests.support.wait import eventually
from tests.unit.storage import pictures

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def made(owner: Owner, **fields: Any) -> video_pb2.Video:
    video = await owner.made((await owner.generate(**SMALL | fields)).id)
    assert video.state == job_pb2.SUCCEEDED, video.error
    return video


async def refused(call: Any) -> tuple[str, str, list[str]]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return refusal(caught.value)


def pixels(data: bytes, picture_format: str) -> np.ndarray[Any, Any]:
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == picture_format
        return np.array(picture.convert("RGB"))


def scratch_files(mesh: VideoMesh) -> list[str]:
    return [path.name for path in (mesh.folder / "clips").glob("*/*")]


async def test_a_prompt_becomes_a_clip_with_its_poster_and_sheet(mesh: VideoMesh) -> None:
    ada = await mesh.newcomer()
    video = await made(ada, metadata={"project": "balls"})
    progress = video.progress
    assert (progress.step, progress.steps, progress.frame, progress.frames, progress.fraction) == (2, 2, 4, 4, 1.0)
    assert (video.revision, video.attempt, video.cached) == (1, 1, False)
    clip, poster, sheet = video.outputs
    assert (clip.role, clip.content_type, clip.frame_count, clip.duration_s) == (video_pb2.CLIP, "video/mp4", 4, 0.5)
    assert (poster.role, poster.content_type, poster.width_px) == (video_pb2.POSTER, "image/png", 64)
    assert (sheet.role, sheet.content_type) == (video_pb2.CONTACT_SHEET, "image/jpeg")
    assert (sheet.width_px, sheet.height_px) == (3 * 64 + 2 * 4, 3 * 64 + 2 * 4)

    data, headers = await ada.content(video.id)
    assert headers["type"] == "video/mp4"
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (clip.sha256, clip.size_bytes)
    with ClipReader(io.BytesIO(data)) as reader:
        assert len(list(reader.frames())) == 4
        assert (reader.info.width_px, reader.info.height_px) == (64, 64)
        assert reader.info.frame_rate_hz == 8
        said = reader.info.parameters
    assert said is not None
    assert (said["prompt"], said["seed"]) == (SMALL["prompt"], video.parameters.seed)
    assert said["model_revision"] == video.model_revision
    assert "metadata" not in said
    assert scratch_files(mesh) == []
    await mesh.settled(ada, video, untold=1)


@pytest.mark.parametrize(("container", "content_type"), [("WEBM", "video/webm"), ("GIF", "image/gif")])
async def test_other_containers_and_rates(mesh: VideoMesh, container: str, content_type: str) -> None:
    ada = await mesh.newcomer()
    video = await made(ada, container=container, frame_rate_hz=20.0)
    data, headers = await ada.content(video.id)
    assert headers["type"] == video.outputs[0].content_type == content_type
    with ClipReader(io.BytesIO(data)) as reader:
        assert reader.info.frame_rate_hz == 20
        assert len(list(reader.frames())) == video.outputs[0].frame_count == 10
    frames = await ada.frames(video.id)
    assert frames.frame_count == 4, "frames are those that the model drew"
    assert [frame.time_s for frame in frames.frames] == [0, 0.125, 0.25, 0.375]


async def test_who_prefers_to_wait_gets_the_clip(mesh: VideoMesh) -> None:
    ada = await mesh.newcomer()
    call = ada.call("Generate", headers=(("prefer", "wait=30"),), parameters=video_pb2.VideoParameters(**SMALL))
    assert (await call).state == job_pb2.SUCCEEDED
    headers = dict(await call.initial_metadata())
    assert "x-http-code" not in headers
    assert headers["preference-applied"] == "wait=30"


async def test_the_echo_makes_the_same_clip_for_another_owner(mesh: VideoMesh) -> None:
    ada, bob = await mesh.newcomer(), await mesh.newcomer()
    first = await made(ada)
    second = await bob.made((await bob.again(first)).id)
    assert (second.cached, second.parameters) == (False, first.parameters)
    assert [output.sha256 for output in second.outputs] == [output.sha256 for output in first.outputs]
    assert not {output.asset_id for output in second.outputs} & {output.asset_id for output in first.outputs}


async def test_the_same_request_again_returns_the_same_files_and_frames(mesh: VideoMesh) -> None:
    ada = await mesh.newcomer()
    first = await made(ada, seed=1)
    again = await ada.generate(**SMALL, seed=1, metadata={"label": "another"})
    assert (again.state, again.cached, again.progress.fraction) == (job_pb2.SUCCEEDED, True, 1.0)
    assert [output.asset_id for output in again.outputs] == [output.asset_id for output in first.outputs]
    assert (await ada.frames(again.id)).frame_count == 4
    frame = await ada.frame(first.id, 3)
    assert await ada.frame(again.id, 3) == frame
    await ada.delete(first.id)
    await mesh.settled(ada, again, untold=1)
    assert (await ada.frame(again.id, 3))[0] == frame[0]
    await ada.delete(again.id)
    await mesh.settled(ada)


async def test_range_and_conditional_requests_of_each_file_are_passed_to_storage(mesh: VideoMesh) -> None:
    ada = await mesh.newcomer()
    video = await made(ada)
    for output in video.outputs:
        role = video_pb2.OutputRole.Name(output.role)
        whole, headers = await ada.content(video.id, role)
        assert (hashlib.sha256(whole).hexdigest(), headers["type"]) == (output.sha256, output.content_type)
        part, part_headers = await ada.content(video.id, role, range="bytes=100-199")
        assert (part, part_headers["x-http-code"]) == (whole[100:200], "206")
        assert part_headers["content-range"] == f"bytes 100-199/{output.size_bytes}"
        unchanged, unchanged_headers = await ada.content(video.id, role, if_none_match=headers["etag"])
        assert (unchanged, unchanged_headers["x-http-code"]) == (b"", "304")
    assert (await refused(ada.content(video.id, range="bytes=99999999-")))[0] == "OUT_OF_RANGE"


async def test_frames_come_in_pages(mesh: VideoMesh) -> None:
    ada = await mesh.newcomer()
    video = await made(ada)
    first = await ada.frames(video.id, page_size=3)
    rest = await ada.frames(video.id, page_size=3, page_token=first.next_page_token)
    frames = [*first.frames, *rest.frames]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.time_s for frame in frames] == [0, 0.125, 0.25, 0.375]
    assert {(frame.width_px, frame.height_px) for frame in frames} == {(64, 64)}
    assert frames[3].content_url == f"{video.links.frames}/3"
    assert (first.frame_count, first.partial, rest.next_page_token) == (4, False, "")


async def test_a_frame_is_the_same_to_the_bit_as_png_and_webp(mesh: VideoMesh) -> None:
    ada = await mesh.newcomer()
    video = await made(ada)
    shown: list[np.ndarray[Any, Any]] = []
    for index in range(4):
        png, png_headers = await ada.frame(video.id, index)
        webp, webp_headers = await ada.frame(video.id, index, "WEBP")
        jpeg, jpeg_headers = await ada.frame(video.id, index, "JPEG")
        kinds = [headers["type"] for headers in (png_headers, webp_headers, jpeg_headers)]
        assert kinds == ["image/png", "image/webp", "image/jpeg"]
        assert np.array_equal(pixels(png, "PNG"), pixels(webp, "WEBP"))
        assert np.abs(pixels(jpeg, "JPEG").astype(int) - pixels(png, "PNG")).mean() < 3
        shown.append(pixels(png, "PNG"))
    poster, _ = await ada.content(video.id, "POSTER")
    assert np.array_equal(pixels(poster, "PNG"), shown[2])
    assert not np.array_equal(shown[0], shown[3]), "something moves"


async def test_a_frame_can_be_made_smaller_and_never_larger(mesh: VideoMesh) -> None:
    ada = await mesh.newcomer()
    video = await made(ada, height_px=96)
    for kind in ("PNG", "WEBP", "JPEG"):
        assert pixels((await ada.frame(video.id, 1, kind, width_px=32))[0], kind).shape == (48, 32, 3)
    whole, headers = await ada.frame(video.id, 1)
    same, same_headers = await ada.frame(video.id, 1, width_px=2048)
    assert (same, same_headers["etag"]) == (whole, headers["etag"])


async def test_a_frame_that_a_browser_has_is_not_sent_again(mesh: VideoMesh) -> None:
    ada = await mesh.newcomer()
    video = await made(ada)
    asked: list[dict[str, Any]] = [
        {"index": 0}, {"index": 1}, {"index": 0, "picture_format": "WEBP"}, {"index": 0, "width_px": 32},
    ]  # fmt: skip
    etags = [(await ada.frame(video.id, **fields))[1]["etag"] for fields in asked]
    assert len(set(etags)) == len(asked)
    data, headers = await ada.frame(video.id, 1, if_none_match=etags[1])
    assert (data, headers["x-http-code"], headers["etag"]) == (b"", "304", etags[1])
    data, headers = await ada.frame(video.id, 1, if_none_match=etags[0])
    assert data
    assert "x-http-code" not in headers


@pytest.mark.parametrize("index", [4, 2**32 - 1])
async def test_a_frame_past_the_end_is_not_found(mesh: VideoMesh, index: int) -> None:
    ada = await mesh.newcomer()
    video = await made(ada)
    assert (await refused(ada.frame(video.id, index)))[:2] == ("NOT_FOUND", "FRAME_NOT_FOUND")


async def test_of_a_running_clip_the_frames_so_far_are_there(mesh: VideoMesh) -> None:
    ada = await mesh.newcomer()
    accepted = await ada.generate(**ENDLESS_CLIP)
    so_far = await ada.with_frames(accepted.id)
    assert so_far.partial
    assert (so_far.frame_count % 16, len(so_far.frames)) == (0, min(50, so_far.frame_count))
    early, early_headers = await ada.frame(accepted.id, 15)
    video = await ada.made(accepted.id)
    assert video.state == job_pb2.SUCCEEDED, video.error
    whole = await ada.frames(video.id)
    assert (whole.frame_count, whole.partial) == (ENDLESS_CLIP["frames"], False)
    late, late_headers = await ada.frame(video.id, 15)
    assert (late, late_headers["etag"]) == (early, early_headers["etag"]), "a frame that is there stays as it is"
    await mesh.settled(ada, video, untold=ENDLESS_CLIP["frames"] // 16)


async def test_a_clip_whose_frames_appear_can_be_canceled(mesh: VideoMesh) -> None:
    ada = await mesh.newcomer()
    video = await ada.generate(**ENDLESS_CLIP)
    await ada.with_frames(video.id)
    assert await ada.asset_ids()
    await ada.cancel(video.id)
    video = await ada.made(video.id)
    assert (video.state, list(video.outputs)) == (job_pb2.CANCELED, [])
    frames = await ada.frames(video.id)
    assert (frames.frame_count, frames.partial) == (0, False)
    await mesh.settled(ada)
    await eventually(lambda: scratch_files(mesh) == [])


async def test_a_clip_that_is_denoised_can_be_canceled(mesh: VideoMesh) -> None:
    ada = await mesh.newcomer()
    video = await ada.running((await ada.generate(**LONG)).id)
    await ada.cancel(video.id)
    video = await ada.made(video.id)
    assert video.state == job_pb2.CANCELED
    assert video.progress.step < video.progress.steps / 2
    assert await ada.cancel(video.id) == video
    await mesh.settled(ada)


async def test_a_clip_that_runs_can_be_deleted(mesh: VideoMesh) -> None:
    ada = await mesh.newcomer()
    video = await ada.generate(**ENDLESS_CLIP)
    await ada.with_frames(video.id)
    await ada.delete(video.id)
    assert not (await ada.page()).videos
    after = await made(ada)
    await mesh.settled(ada, after, untold=1)
    await ada.delete(after.id)
    await mesh.settled(ada)


async def test_a_watch_of_a_video_yields_steps_and_then_frames(mesh: VideoMesh) -> None:
    ada = await mesh.newcomer()
    video = await ada.generate(**SMALL | {"steps": 60, "frames": 16})
    snapshot, *events = await ada.watch(video.id)
    assert snapshot.type == "generation.snapshot"
    told = [event.generation_progress for event in events]
    assert [progress.terminal for progress in told] == [False] * (len(told) - 1) + [True]
    running = [progress.progress for progress in told if progress.state != job_pb2.QUEUED]
    details = [_video_progress(progress) for progress in running]
    places = [(detail.step, detail.frame) for detail in details]
    assert places == sorted(places)
    assert places[-1] == (60, 16)
    stages = list(dict.fromkeys(progress.stage for progress in running))
    assert stages in (
        ["", "denoising", "encoding"],
        ["denoising", "encoding"],
    )  # a worker may have begun before the watch
    fractions = [progress.fraction for progress in running]
    assert fractions == sorted(fractions)
    previews = [progress.preview for progress in told if progress.preview]
    assert previews
    with Image.open(io.BytesIO(previews[0])) as preview:
        assert preview.format == "JPEG"
    path = f"/api/v1/videos/{video.id}/content"
    assert list(told[-1].content_urls) == [path, f"{path}?role=POSTER", f"{path}?role=CONTACT_SHEET"]
    assert {event.trace_id for event in (snapshot, *events)} == {video.trace_id}
    assert [event.seq for event in await ada.watch(video.id, after_seq=1)] == [2, 3]


async def test_a_first_frame_that_cannot_be_decoded_fails_the_job_at_once(mesh: VideoMesh) -> None:
    ada = await mesh.newcomer()
    asset_id = await ada.upload(pictures.raw_png(64, 64, b""), "image/png")
    video = await ada.made((await ada.generate(**SMALL, model=PAINTER, first_frame_asset_id=asset_id)).id)
    assert (video.state, video.error.reason, video.attempt) == (job_pb2.FAILED, "FIRST_FRAME_DAMAGED", 1)


async def test_a_video_whose_frames_storage_has_lost_is_made_again(mesh: VideoMesh) -> None:
    ada = await mesh.newcomer()
    first = await made(ada, seed=2)
    request = storage_pb2.DeleteJobAssetsRequest(job_id=first.id)
    await ada.assets.DeleteJobAssets(request, metadata=await mesh.auth.as_service("atelier-video"))
    assert (await refused(ada.frame(first.id, 0)))[0] == "NOT_FOUND"
    again = await made(ada, seed=2)
    assert not again.cached
    assert again.outputs[0].sha256 == first.outputs[0].sha256


async def test_a_video_is_one_trace_through_all_parts(mesh: VideoMesh, spans: InMemorySpanExporter) -> None:
    ada = await mesh.newcomer()
    video = await made(ada)
    story = [span for span in spans.get_finished_spans() if f"{span.context.trace_id:032x}" == video.trace_id]
    by_id = {span.context.span_id: span for span in story}

    def lineages(name: str) -> list[list[str]]:
        return [lineage(span) for span in story if span.name == name]

    def lineage(span: ReadableSpan) -> list[str]:
        names = [span.name]
        while span.parent is not None:
            span = by_id[span.parent.span_id]
            names.append(span.name)
        return names

    attempt = ["job.attempt", "job.submit", "atelier.video.v1.VideoService/GenerateVideo"]
    assert lineages("denoise.step") == [["denoise.step", "video.generate", *attempt]] * 2
    assert ["video.encode", "video.generate", *attempt] in lineages("video.encode")
    stored = [names for names in lineages("atelier.storage.v1.StorageService/CreateAsset") if "video.store" in names]
    assert all(names[-len(attempt) :] == attempt for names in stored)
    assert len(stored) >= 4, "the clip, its poster, its sheet and its frames"


async def test_administrators_drop_and_load_video_models(mesh: VideoMesh) -> None:
    admin = await mesh.admin()
    assert (await admin.model_in(ModelState.READY, DEMO)).memory_bytes > 1_000_000
    await admin.model("Unload", DEMO)
    assert (await admin.model_in(ModelState.UNLOADED, DEMO)).memory_bytes == 0
    await admin.model("Load", DEMO)
    await admin.model_in(ModelState.READY, DEMO)


async def test_a_worker_that_ends_in_the_middle_gives_its_clip_to_the_next(mesh: VideoMesh) -> None:
    ada = await mesh.newcomer()
    video = await ada.generate(**ENDLESS_CLIP)
    await ada.with_frames(video.id)
    await mesh.worker.stop()
    given_back = await ada.get(video.id)
    assert (given_back.state, given_back.attempt) == (job_pb2.QUEUED, 1)
    frames = await ada.frames(video.id)
    assert (frames.frame_count, frames.partial) == (0, True), "they are drawn anew"
    assert list((mesh.folder / "clips").glob("*")) == []
    await mesh.worker.start()
    video = await ada.made(video.id)
    assert video.state == job_pb2.SUCCEEDED, video.error
    with ClipReader(io.BytesIO((await ada.content(video.id))[0])) as reader:
        assert len(list(reader.frames())) == ENDLESS_CLIP["frames"]
    await mesh.settled(ada, video, untold=ENDLESS_CLIP["frames"] // 16)


def _video_progress(progress: job_pb2.Progress) -> video_pb2.VideoProgress:
    detail = video_pb2.VideoProgress()
    progress.detail.Unpack(detail)
    return detail
