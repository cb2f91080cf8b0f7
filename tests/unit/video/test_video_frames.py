"""Which file holds a frame."""

from dataclasses import replace

import pytest

from atelier_service.errors import NotFoundError
from atelier_video.domain.video import StoredFrames, file_of
from tests.unit.video.test_video_messages import RESULT

MADE = RESULT.to_bytes()


def test_each_frame_is_in_one_file() -> None:
    frames = StoredFrames.of(MADE, partial=False)
    assert frames.count == 12
    assert [frames.part_with(index).first_frame for index in range(12)] == [0] * 8 + [8] * 4


@pytest.mark.parametrize("index", [12, 13, 2**32 - 1])
def test_past_the_end_there_is_none(index: int) -> None:
    with pytest.raises(NotFoundError) as caught:
        StoredFrames.of(MADE, partial=False).part_with(index)
    assert caught.value.reason == "FRAME_NOT_FOUND"
    assert caught.value.message == "the video has 12 frame(s), counted from 0"


def test_of_a_running_video_those_so_far_are_there() -> None:
    so_far = replace(RESULT, outputs=RESULT.outputs[:1])
    frames = StoredFrames.of(so_far.to_bytes(), partial=True)
    assert (frames.count, frames.part_with(7).first_frame) == (8, 0)
    with pytest.raises(NotFoundError, match="so far"):
        frames.part_with(8)


def test_before_anything_is_drawn_there_are_none() -> None:
    frames = StoredFrames.of(None, partial=True)
    assert frames.count == 0
    with pytest.raises(NotFoundError):
        frames.part_with(0)


def test_the_other_files_are_found_by_what_they_are() -> None:
    assert file_of(MADE, "POSTER").asset_id == "POSTER-0"
    assert file_of(MADE, "CLIP").duration_s == 1.5
