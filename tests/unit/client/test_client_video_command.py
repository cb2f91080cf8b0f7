"""The `atelier` command and clips; ids and models of either kind."""

import json
import signal

import pytest
from tests.support.wait import eventually
from tests.unit.client.atelier_command import Atelier, one_line
from tests.unit.client.small_mesh import SmallMesh
from tests.unit.client.small_videos import FRAMES, file, frame

from atelier.jobs.v1 import job_pb2
from atelier.video.v1 import video_pb2


def test_video_writes_the_clip_its_poster_and_its_sheet(atelier: Atelier, small_mesh: SmallMesh) -> None:
    done = atelier(
        "video", "a red ball moving right", "-o", "ball.webm", "--poster", "poster.png", "--sheet", "sheet.jpg",
        "--frames", "16", "--rate", "12.5", "--steps", "20", "--width", "64", "--height", "72", "--seed", "1",
        "--guidance", "3.5", "--scheduler", "ddim", "--negative", "blur", "--model", "m", "--metadata", "a=b",
        "--first-frame", "asset-0",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "ball.webm\nposter.png\nsheet.jpg\n"), done.stderr
    assert (atelier.folder / "ball.webm").read_bytes() == file("video-0", video_pb2.CLIP)
    assert (atelier.folder / "poster.png").read_bytes() == file("video-0", video_pb2.POSTER)
    assert (atelier.folder / "sheet.jpg").read_bytes() == file("video-0", video_pb2.CONTACT_SHEET)
    asked = small_mesh.videos.videos["video-0"].parameters
    assert (asked.width_px, asked.height_px, asked.steps, asked.seed, asked.guidance_scale) == (64, 72, 20, 1, 3.5)
    assert (asked.frames, asked.frame_rate_hz, asked.container) == (16, 12.5, video_pb2.WEBM)
    assert (asked.negative_prompt, asked.model, asked.first_frame_asset_id) == ("blur", "m", "asset-0")


def test_progress_goes_through_the_steps_and_then_the_frames(atelier: Atelier) -> None:
    done = atelier("video", "x")
    assert done.stdout == "video-0.mp4\n"
    assert done.stderr.splitlines() == [
        "queued",
        "denoising · step 1 of 2",
        "denoising · step 2 of 2",
        "encoding · frame 1 of 5",
        "encoding · frame 5 of 5",
        "succeeded",
    ]


def test_a_bar_fills_with_steps_and_again_with_frames() -> None:
    from rich.console import Console
    from rich.progress import Progress

    from atelier_client.console import ProgressBar

    drawn = Progress(console=Console(quiet=True))
    bar = ProgressBar(drawn)
    seen = []
    for state, stage, amount, total in [
        ("QUEUED", "", 0, 0), ("RUNNING", "", 0, 0), ("RUNNING", "denoising", 1, 2), ("RUNNING", "encoding", 3, 5),
    ]:  # fmt: skip
        bar.show(state, job_pb2.Progress(stage=stage, done=amount, total=total))
        (task,) = drawn.tasks
        seen.append((task.description, task.completed, task.total))
    assert seen == [("queued", 0, None), ("running", 0, None), ("denoising", 1, 2), ("encoding", 3, 5)]


async def test_ctrl_c_cancels_the_video_reports_it_and_exits_130(atelier: Atelier, small_mesh: SmallMesh) -> None:
    small_mesh.videos.hold = True
    running = atelier.start("video", "x")
    await eventually(lambda: small_mesh.videos.watched_after, what="the command follows the video")
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=20)
    assert running.returncode == 130, errors
    assert errors.splitlines()[-1] == "atelier: interrupted; video video-0 is CANCELED"
    assert small_mesh.videos.videos["video-0"].state == job_pb2.CANCELED


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("video", "x", "-o", "out.avi"), 2, "out.avi says no known format: end it in .mp4, .webm, .gif, or give"),
        (("video", "x", "--poster", "poster.jpg"), 2, "end it in .png"),
        (("video", "x", "--format", "avi"), 2, "none of MP4, WEBM, GIF"),
        (("video", "x", "--frames", "9000"), 2, "frames: at most 64"),
        (("video", "x", "--first-frame", "nobody's"), 5, "there is no such asset"),
        (("video", "x", "--sheet", "nowhere/sheet.jpg"), 7, "nowhere: no such folder"),
        (("frames", "video-9"), 5, "there is no such video"),
        (("show", "video-9"), 5, "There is no such job. (JOB_NOT_FOUND)"),
        (("cancel", "video-9"), 5, "There is no such job."),
        (("delete", "video-9"), 5, "There is no such job."),
        (("watch", "video-9"), 5, "There is no such job."),
        (("models", "load", "nothing"), 5, "atelier: there is no model 'nothing' (MODEL_NOT_FOUND)"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(atelier: Atelier, words: tuple[str, ...], code: int, said: str) -> None:
    done = atelier(*words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in one_line(done.stderr)


def test_a_wrong_key_is_not_retried(atelier: Atelier) -> None:
    atelier.environment["ATELIER_API_KEY"] = "wrong"
    done = atelier("show", "video-0")
    assert (done.returncode, "the API key is not valid" in one_line(done.stderr)) == (4, True)


def test_both_kinds_are_listed_shown_cancelled_and_deleted_by_their_ids(
    atelier: Atelier, small_mesh: SmallMesh
) -> None:
    assert atelier("generate", "a circle", "--no-wait").stdout == "image-0\n"
    assert atelier("video", "a ball", "--no-wait").stdout == "video-0\n"
    assert [line.split("\t")[:2] for line in atelier("videos").stdout.splitlines()] == [["video-0", "QUEUED"]]
    assert json.loads(atelier("videos", "--json").stdout)[0]["id"] == "video-0"
    for job_id, kind in (("image-0", "image"), ("video-0", "video")):
        assert f"kind       {kind}\nstate      QUEUED\n" in atelier("show", job_id).stdout
        assert atelier("cancel", job_id).stdout == f"{job_id} CANCELED\n"
        assert atelier("delete", job_id).stdout == f"{job_id} deleted\n"
    assert (small_mesh.images.images, small_mesh.videos.videos) == ({}, {})


def test_a_video_is_watched_to_its_end_and_then_shown_with_its_files(atelier: Atelier) -> None:
    atelier("video", "x", "--frames", "5", "--rate", "8", "--no-wait")
    told = atelier("watch", "video-0").stdout.splitlines()
    assert told[-2].endswith("RUNNING encoding: frame 5 of 5")
    assert "SUCCEEDED" in told[-1]
    shown = atelier("show", "video-0").stdout
    assert "frames     5 at 8 a second" in shown
    assert "clip: video/mp4, 260 kB, 5 frames, 0.625 s\nposter: image/png" in shown
    assert "contact sheet: image/jpeg" in shown


def test_frames_become_files_all_or_one(atelier: Atelier) -> None:
    atelier("video", "x")
    done = atelier("frames", "video-0", "-o", "folder")
    assert done.stdout.splitlines() == [f"folder/frame-{index:04}.png" for index in range(FRAMES)]
    assert (atelier.folder / "folder/frame-0004.png").read_bytes() == frame("video-0", 4)
    done = atelier("frames", "video-0", "--index", "2", "--width", "64")
    assert (done.stdout, done.stderr) == ("video-0/frame-0002.png\n", "")
    assert (atelier.folder / "video-0/frame-0002.png").read_bytes() == frame("video-0", 2, 64)


def test_frames_of_a_running_video_are_those_that_are_there(atelier: Atelier) -> None:
    atelier("video", "x", "--no-wait")
    done = atelier("frames", "video-0")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, FRAMES)
    assert done.stderr == "the video is QUEUED: more frames may come\n"


def test_models_of_both_kinds_in_json_have_their_kind(atelier: Atelier) -> None:
    assert [(model["id"], model["kind"]) for model in json.loads(atelier("models", "--json").stdout)] == [
        ("demo", "image"),
        ("demo-clips", "video"),
    ]
