"""Messages of the contract, and the progress of a video: steps and then frames."""

from dataclasses import replace
from itertools import pairwise

import pytest

from atelier.jobs.v1 import job_pb2
from atelier.video.v1 import video_pb2
from atelier_artifacts.domain.stored_files import Producer
from atelier_drawing.domain.result import Result
from atelier_jobs.domain.job import Failure
from atelier_jobs.domain.progress import FINISHED
from atelier_jobs.domain.states import State
from atelier_video.api.video_messages import (
    asked_from,
    content_paths,
    parameters_message,
    progress_message,
    video_message,
)
from atelier_video.domain.parameters import resolve
from atelier_video.domain.video import Role, VideoFile
from atelier_video.worker.video_progress import VideoStages
from tests.unit.video.clip_job import CARD, PARAMETERS, QUEUED, RUNNING

STEPS, FRAMES = PARAMETERS.request.steps, PARAMETERS.request.frames
STAGES = VideoStages(FRAMES)


def a_file(role: Role, first_frame: int = 0, frame_count: int = 1, duration_s: float = 0.0) -> VideoFile:
    return VideoFile(
        role=role, asset_id=f"{role}-{first_frame}", content_type="video/mp4", width_px=96, height_px=64, size_bytes=9,
        sha256="00", first_frame=first_frame, frame_count=frame_count, duration_s=duration_s,
    )  # fmt: skip


RESULT = Result(
    model_revision="r1",
    source=Producer("0197", 1),
    outputs=(
        a_file("FRAMES", 0, 8), a_file("CLIP", 0, 12, 1.5), a_file("POSTER"), a_file("CONTACT_SHEET"),
        a_file("FRAMES", 8, 4),
    ),
)  # fmt: skip
MADE = replace(QUEUED, state=State.SUCCEEDED, progress=STAGES.encoding(FRAMES, STEPS), result=RESULT.to_bytes())


def test_zero_is_not_absent_in_a_video() -> None:
    assert asked_from(video_pb2.VideoParameters(prompt="a cat", seed=0, frames=0)).frames == 0
    absent = asked_from(video_pb2.VideoParameters(prompt="a cat"))
    assert (absent.seed, absent.frames, absent.frame_rate_hz) == (None, None, None)
    assert (absent.scheduler, absent.container) == (None, None)


def test_the_echo_of_a_video_is_an_equal_request() -> None:
    assert resolve(asked_from(parameters_message(PARAMETERS)), CARD, lambda: 0) == PARAMETERS


def test_progress_is_the_steps_and_then_the_frames() -> None:
    reported = [STAGES.denoising(step, STEPS) for step in range(STEPS + 1)]
    reported += [STAGES.encoding(frame, STEPS) for frame in range(1, FRAMES + 1)]
    assert [(progress.stage, progress.done, progress.total, progress.unit) for progress in reported] == [
        *(("denoising", step, STEPS, "step") for step in range(STEPS + 1)),
        *(("encoding", frame, FRAMES, "frame") for frame in range(1, FRAMES + 1)),
    ]
    assert not any(later.is_behind(earlier) for earlier, later in pairwise(reported))
    told = [progress_message(replace(RUNNING, progress=progress)) for progress in reported]
    assert [(progress.step, progress.frame) for progress in told] == [
        *((step, 0) for step in range(STEPS)),
        *((STEPS, frame) for frame in range(FRAMES + 1)),
    ]
    assert {(progress.steps, progress.frames) for progress in told} == {(4, 12)}
    fractions = [progress.fraction for progress in told]
    assert fractions[0] == 0.0
    assert all(earlier < later for earlier, later in pairwise(fractions))
    assert fractions[STEPS] == pytest.approx(0.9)
    assert fractions[-1] == 1.0
    assert fractions == [progress.fraction for progress in reported]


def test_a_video_that_waits_is_nowhere_yet() -> None:
    assert progress_message(QUEUED) == video_pb2.VideoProgress()


def test_a_video_that_is_made_is_wholly_done() -> None:
    assert progress_message(MADE) == video_pb2.VideoProgress(step=4, steps=4, frame=12, frames=12, fraction=1.0)
    from_the_cache = replace(MADE, cached=True, progress=FINISHED)
    assert progress_message(from_the_cache) == video_pb2.VideoProgress(fraction=1.0)


def test_a_video_lists_its_clip_poster_and_sheet_and_not_the_files_of_its_frames() -> None:
    video = video_message(MADE)
    assert [video_pb2.OutputRole.Name(output.role) for output in video.outputs] == ["CLIP", "POSTER", "CONTACT_SHEET"]
    assert [output.content_url for output in video.outputs] == content_paths(MADE.id, RESULT.to_bytes())
    assert content_paths(MADE.id, RESULT.to_bytes()) == [
        "/api/v1/videos/0197/content",
        "/api/v1/videos/0197/content?role=POSTER",
        "/api/v1/videos/0197/content?role=CONTACT_SHEET",
    ]
    assert (video.outputs[0].frame_count, video.outputs[0].duration_s) == (12, 1.5)
    assert video.model_revision == "r1"


def test_a_video_that_waits_has_no_times_and_no_files() -> None:
    video = video_message(QUEUED)
    assert (video.state, video.create_time.seconds, video.trace_id) == (job_pb2.QUEUED, 1, "a" * 32)
    assert not any(video.HasField(name) for name in ("start_time", "finish_time", "error"))
    assert video.links.frames == "/api/v1/videos/0197/frames"


def test_a_failed_video_has_its_reason() -> None:
    video = video_message(replace(QUEUED, state=State.FAILED, failure=Failure("OUT_OF_MEMORY", "needs more")))
    assert (video.error.reason, video.error.message) == ("OUT_OF_MEMORY", "needs more")
