"""Frames become the files of a video, which are opened and counted."""

import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atelier_media.clip_format import CONTAINERS, CONTENT_TYPES, Container
from atelier_media.clip_reader import ClipReader
from atelier_media.contact_sheet import evenly_spaced
from atelier_media.errors import MediaError
from atelier_media.frame_part import decode_frame
from atelier_video.domain.parameters import VideoParameters
from atelier_video.worker.clip_files import ClipFiles, NewFile
from tests.unit.media.moving_picture import moving_frame, moving_frames, read_index
from tests.unit.video.clip_job import PARAMETERS

TWENTY = replace(PARAMETERS, request=replace(PARAMETERS.request, frames=20))


def files_of(folder: Path, parameters: VideoParameters, chunk: int = 7) -> tuple[ClipFiles, list[NewFile]]:
    """The files of a clip whose frames come in chunks; those that are complete before the end come first."""
    clip = ClipFiles(folder / "clip", parameters, parameters.drawn())
    frames = moving_frames(parameters.request.frames, parameters.request.width_px, parameters.request.height_px)
    files: list[NewFile] = []
    for first in range(0, len(frames), chunk):
        files += clip.add(frames[first : first + chunk])
    return clip, files + clip.finish()


def the(files: list[NewFile], role: str) -> NewFile:
    (file,) = (file for file in files if file.role == role)
    return file


def picture(file: NewFile) -> np.ndarray:
    assert isinstance(file.content, bytes)
    with Image.open(io.BytesIO(file.content)) as image:
        assert image.format is not None
        assert file.content_type == Image.MIME[image.format]
        return np.array(image)


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_clip_shows_every_frame_in_its_turn(tmp_path: Path, container: Container) -> None:
    _, files = files_of(tmp_path, replace(TWENTY, container=container))
    clip = the(files, "CLIP")
    assert (clip.content_type, clip.frame_count, clip.duration_s) == (CONTENT_TYPES[container], 20, 2.5)
    assert isinstance(clip.content, Path)
    assert clip.content.suffix == f".{clip.suffix}"
    with ClipReader(clip.content) as reader:
        assert (reader.info.container, reader.info.width_px, reader.info.height_px) == (container, 96, 64)
        assert abs(reader.info.duration_s - 2.5) < 0.01
        assert [read_index(frame) for frame in reader.frames()] == list(range(20))
        assert reader.info.parameters == replace(TWENTY, container=container).drawn()


@pytest.mark.parametrize(("shown_hz", "shown"), [
    (16, [frame for k in range(20) for frame in (k, k)]),
    (4, list(range(0, 20, 2))),
    (0.5, [0, 16]),
])  # fmt: skip
def test_another_rate_repeats_or_leaves_out_whole_frames(tmp_path: Path, shown_hz: float, shown: list[int]) -> None:
    _, files = files_of(tmp_path, replace(TWENTY, frame_rate_hz=shown_hz))
    clip = the(files, "CLIP")
    assert isinstance(clip.content, Path)
    assert (clip.frame_count, clip.duration_s) == (len(shown), len(shown) / shown_hz)
    with ClipReader(clip.content) as reader:
        assert reader.info.frame_rate_hz == Fraction(shown_hz)
        # Of a pair that repeats, either may come first: a frame begins in the middle of its time.
        assert [abs(read_index(frame) - wanted) <= 1 for frame, wanted in zip(reader.frames(), shown, strict=True)]
    assert sum(file.frame_count for file in files if file.role == "FRAMES") == 20, "the frames are those drawn"


def test_every_frame_is_stored_exactly_and_reported_as_soon_as_its_file_is_full(tmp_path: Path) -> None:
    clip = ClipFiles(tmp_path / "clip", TWENTY, {})
    assert clip.add(moving_frames(15, 96, 64)) == []
    (full,) = clip.add(np.stack([moving_frame(index, 96, 64) for index in range(15, 20)]))
    rest = the(clip.finish(), "FRAMES")
    assert [(part.first_frame, part.frame_count, part.name) for part in (full, rest)] == [
        (0, 16, "frames-0"), (16, 4, "frames-16"),
    ]  # fmt: skip
    for part in (full, rest):
        assert isinstance(part.content, bytes)
        for index in range(part.frame_count):
            frame = moving_frame(part.first_frame + index, 96, 64)
            assert np.array_equal(decode_frame(part.content, index), frame)
    clip.close()


def test_the_poster_is_the_middle_frame_and_the_sheet_shows_nine(tmp_path: Path) -> None:
    _, files = files_of(tmp_path, TWENTY)
    assert np.array_equal(picture(the(files, "POSTER")), moving_frame(10, 96, 64))
    sheet = picture(the(files, "CONTACT_SHEET"))
    assert sheet.shape == (3 * 64 + 2 * 4, 3 * 96 + 2 * 4, 3)
    tiles = [
        sheet[68 * row : 68 * row + 64, 100 * column : 100 * column + 96] for row in range(3) for column in range(3)
    ]
    assert [read_index(tile) for tile in tiles] == evenly_spaced(20, 9)


def test_a_clip_of_one_frame_has_all_its_files(tmp_path: Path) -> None:
    _, files = files_of(tmp_path, replace(TWENTY, request=replace(TWENTY.request, frames=1)))
    assert [file.role for file in files] == ["CLIP", "POSTER", "CONTACT_SHEET", "FRAMES"]


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize("container", CONTAINERS)
def test_closing_leaves_nothing_on_the_disk(tmp_path: Path, container: Container, finished: bool) -> None:
    clip = ClipFiles(tmp_path / "clip", replace(TWENTY, container=container), {})
    clip.add(moving_frames(20, 96, 64))
    if finished:
        clip.finish()
    assert len(list(tmp_path.iterdir())) == 1
    clip.close()
    clip.close()
    assert list(tmp_path.iterdir()) == []


def test_if_nothing_can_be_written_the_error_of_the_encoder_names_no_file(tmp_path: Path) -> None:
    clip = ClipFiles(tmp_path / "gone" / "clip", TWENTY, {})
    with pytest.raises(MediaError) as caught:
        clip.add(moving_frames(20, 96, 64))
    assert caught.value.reason == "ENCODING_FAILED"
    assert str(tmp_path) not in caught.value.message
    clip.close()
