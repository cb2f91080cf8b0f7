"""Videos through the client over gRPC, blocking and asynchronous."""

from pathlib import Path

import pytest
from tests.unit.client.small_mesh import SmallMesh
from tests.unit.client.small_videos import FRAMES, file, frame

from atelier.video.v1 import video_pb2
from atelier_client import AsyncClient, AtelierApiError, Client, JobFailedError, RetryPolicy
from atelier_client.errors import IncompleteError


def _client(mesh: SmallMesh, hasty: RetryPolicy) -> Client:
    return Client.over_grpc(mesh.address, mesh.api_key, retry=hasty)


def _async_client(mesh: SmallMesh, hasty: RetryPolicy) -> AsyncClient:
    return AsyncClient.over_grpc(mesh.address, mesh.api_key, retry=hasty)


def test_a_prompt_becomes_a_clip_with_poster_and_sheet(
    small_mesh: SmallMesh, hasty: RetryPolicy, tmp_path: Path
) -> None:
    with _client(small_mesh, hasty) as client:
        video = client.generate_video(
            "a red ball moving right", seed=1, frames=16, frame_rate_hz=12.5, container="webm", first_frame="asset-0"
        )
        assert video.save(tmp_path / "ball.webm").read_bytes() == video.content() == file(video.id, video_pb2.CLIP)
        assert video.poster() == file(video.id, video_pb2.POSTER)
        assert video.contact_sheet() == file(video.id, video_pb2.CONTACT_SHEET)
    asked = small_mesh.videos.videos[video.id].parameters
    assert (asked.seed, asked.frames, asked.frame_rate_hz, asked.container) == (1, 16, 12.5, video_pb2.WEBM)
    assert asked.first_frame_asset_id == "asset-0"
    assert (video.state, video.outputs[0].frame_count) == ("SUCCEEDED", FRAMES)


async def test_the_same_without_blocking(small_mesh: SmallMesh, hasty: RetryPolicy, tmp_path: Path) -> None:
    async with _async_client(small_mesh, hasty) as client:
        video = await client.generate_video("a red ball moving right", wait=False)
        assert video.state == "QUEUED"
        video = await video.wait()
        saved = await video.save(tmp_path / "poster.png", "POSTER")
        indices = [frame.index async for frame in video.frames()]
    assert saved.read_bytes() == file(video.id, video_pb2.POSTER)
    assert indices == list(range(FRAMES))


def test_frames_go_on_over_pages_and_each_is_a_picture(
    small_mesh: SmallMesh, hasty: RetryPolicy, tmp_path: Path
) -> None:
    with _client(small_mesh, hasty) as client:
        video = client.generate_video("x")
        assert [frame.time_s for frame in video.frames()] == [0, 0.125, 0.25, 0.375, 0.5]
        assert small_mesh.videos.pages == ["", "2", "4"]
        assert video.frame(0) == frame(video.id, 0)
        assert video.frame(3, width_px=64) == frame(video.id, 3, 64)
        assert video.frame(1, format="jpeg").startswith(b"\xff\xd8")
        assert video.save_frame(tmp_path / "frame.png", 2).read_bytes() == frame(video.id, 2)
        with pytest.raises(AtelierApiError, match="no such frame") as caught:
            video.frame(FRAMES)
        with pytest.raises(ValueError, match="format: 'bmp' is none of PNG, WEBP, JPEG"):
            video.frame(0, "bmp")
    assert caught.value.reason == "FRAME_NOT_FOUND"


def test_what_came_by_half_is_fetched_again(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    with _client(small_mesh, hasty) as client:
        video = client.generate_video("x")
        small_mesh.videos.cut_bodies = 2
        assert video.content() == file(video.id, video_pb2.CLIP)
        small_mesh.videos.cut_bodies = 2
        assert video.frame(0) == frame(video.id, 0)
        small_mesh.videos.cut_bodies = hasty.attempts
        with pytest.raises(IncompleteError, match="no end"):
            video.frame(0)


def test_lists_go_on_over_pages(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    with _client(small_mesh, hasty) as client:
        for number in range(5):
            client.generate_video(f"{number}", wait=number % 2 == 0)
        assert [video.parameters.prompt for video in client.videos.list()] == ["4", "3", "2", "1", "0"]
        assert [video.parameters.prompt for video in client.videos.list(limit=3)] == ["4", "3", "2"]
        assert [video.parameters.prompt for video in client.videos.list(state="queued")] == ["3", "1"]
        assert list(client.images.list()) == []


def test_a_video_is_watched_to_its_end_and_resumed_where_it_broke(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    small_mesh.videos.break_streams = 2
    with _client(small_mesh, hasty) as client:
        video = client.generate_video("x", wait=False)
        told = [event.generation_progress.progress for event in video.watch()]
        assert video.refresh().finished
        assert list(client.videos.watch(video.id, after_seq=2))[-1].generation_progress.terminal
    assert [(progress.stage, progress.done) for progress in told] == [
        ("", 0), *[("denoising", 1)] * 3, ("denoising", 2), ("encoding", 1), *[("encoding", FRAMES)] * 2,
    ]  # fmt: skip
    assert small_mesh.videos.watched_after[:3] == [None, 2, 2]


def test_videos_are_cancelled_and_deleted(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    small_mesh.videos.hold = True
    with _client(small_mesh, hasty) as client:
        video = client.generate_video("x", wait=False)
        with pytest.raises(AtelierApiError, match="the video is QUEUED: wait for its end"):
            video.content()
        assert client.videos.get(video.id).cancel().state == client.videos.cancel(video.id).state == "CANCELED"
        with pytest.raises(JobFailedError, match="the video was cancelled") as failed:
            video.wait()
        client.videos.delete(video.id)
        with pytest.raises(AtelierApiError) as caught:
            video.refresh()
    assert isinstance(failed.value.job, video_pb2.Video)
    assert (caught.value.code, caught.value.reason) == ("NOT_FOUND", "VIDEO_NOT_FOUND")


def test_a_failed_video_raises_its_reason(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    small_mesh.videos.fail = True
    with _client(small_mesh, hasty) as client, pytest.raises(JobFailedError) as caught:
        client.generate_video("x")
    assert (caught.value.reason, caught.value.job.id) == ("OUT_OF_MEMORY", "video-0")


def test_refusals_name_the_field_and_what_is_not_there(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    with _client(small_mesh, hasty) as client:
        with pytest.raises(AtelierApiError) as wrong:
            client.generate_video("x", frames=9_000)
        with pytest.raises(AtelierApiError, match="no such asset"):
            client.generate_video("x", first_frame="nobody's")
    assert (wrong.value.code, dict(wrong.value.fields)) == ("INVALID_ARGUMENT", {"frames": "at most 64"})


def test_an_unknown_parameter_never_leaves(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    with _client(small_mesh, hasty) as client:
        with pytest.raises(TypeError, match="did you mean 'frame_rate_hz'"):
            client.generate_video("x", fps=8)  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="did you mean 'container'"):
            client.generate_video("x", output_format="MP4")  # type: ignore[call-arg]
        with pytest.raises(ValueError, match="container: 'avi' is none of MP4, WEBM, GIF"):
            client.generate_video("x", container="avi")
        with pytest.raises(TypeError, match="unknown parameter 'frames'"):
            client.generate("x", frames=8)  # type: ignore[call-arg]
    assert small_mesh.videos.metadata == []


def test_the_models_that_draw_clips(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    with _client(small_mesh, hasty) as client:
        assert [model.id for model in client.video_models()] == ["demo-clips"]
        assert client.load_video_model("demo-clips").state == client.video_model("demo-clips").state
        assert client.unload_video_model("demo-clips").max_frames == 64


def test_the_methods_of_a_blocking_video_show_the_docstrings_of_the_asynchronous_one() -> None:
    from atelier_client import AsyncVideo, Video

    assert Video.refresh.__doc__ == AsyncVideo.refresh.__doc__
    assert Video.frames.__doc__ == AsyncVideo.frames.__doc__
