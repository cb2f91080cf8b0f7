"""Pictures of a clip: the poster, the contact sheet, one frame as a file."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.unit.media.moving_picture import moving_frame, moving_frames, read_index

from atelier_media.contact_sheet import ContactSheet, evenly_spaced
from atelier_media.errors import MediaError
from atelier_media.frame import Frame
from atelier_media.frame_file import PICTURE_FORMATS, PictureFormat, encode_frame
from atelier_media.poster import Poster


@pytest.mark.parametrize(("count", "middle"), [(1, 0), (2, 1), (16, 8), (17, 8)])
def test_the_poster_is_the_middle_frame(count: int, middle: int) -> None:
    poster = Poster(count)
    poster.add(moving_frames(count))
    assert np.array_equal(poster.picture(), moving_frame(middle))


def test_a_poster_that_has_not_come_by_is_missing() -> None:
    poster = Poster(16)
    poster.add(moving_frames(8))
    with pytest.raises(MediaError) as caught:
        poster.picture()
    assert caught.value.reason == "FRAMES_MISSING"


def test_a_poster_does_not_keep_its_chunk() -> None:
    poster = Poster(16)
    poster.add(moving_frames(16))
    assert poster.picture().base is None


@given(count=st.integers(1, 100_000))
def test_a_sheet_goes_from_the_first_to_the_last_frame_in_even_steps(count: int) -> None:
    indices = evenly_spaced(count, 9)
    assert (len(indices), indices[0], indices[-1]) == (9, 0, count - 1)
    steps = np.diff(indices)
    assert steps.min() >= 0
    assert steps.max() - steps.min() <= 1


def test_a_sheet_shows_nine_frames_in_reading_order() -> None:
    sheet = ContactSheet(17)
    frames = moving_frames(17)
    sheet.add(frames[0])
    sheet.add(frames[1:])
    picture = sheet.picture()
    assert picture.shape == (3 * 48 + 2 * 4, 3 * 64 + 2 * 4, 3)
    tiles = [
        picture[row * 52 : row * 52 + 48, column * 68 : column * 68 + 64] for row in range(3) for column in range(3)
    ]
    assert [read_index(tile) for tile in tiles] == [0, 2, 4, 6, 8, 10, 12, 14, 16]


def test_large_frames_become_small_tiles_with_their_aspect() -> None:
    sheet = ContactSheet(9, tile_side_px=128)
    for index in range(9):
        sheet.add(moving_frame(index, 512, 256))
    assert sheet.picture().shape == (3 * 64 + 8, 3 * 128 + 8, 3)


def test_a_clip_of_fewer_than_nine_frames_shows_some_of_them_again() -> None:
    sheet = ContactSheet(2)
    sheet.add(moving_frames(2))
    assert sheet.picture().shape == (152, 200, 3)


def test_a_sheet_with_a_frame_missing_is_an_error() -> None:
    sheet = ContactSheet(16)
    sheet.add(moving_frames(15))
    with pytest.raises(MediaError) as caught:
        sheet.picture()
    assert caught.value.reason == "FRAMES_MISSING"


def test_frames_of_two_sizes_make_no_sheet() -> None:
    sheet = ContactSheet(9)
    sheet.add(moving_frame(0))
    with pytest.raises(MediaError) as caught:
        sheet.add(moving_frame(1, 32, 32))
    assert caught.value.reason == "INVALID_FRAME"


@pytest.mark.parametrize("count", [0, -1])
def test_a_clip_without_frames_has_no_pictures(count: int) -> None:
    for kind in (Poster, ContactSheet):
        with pytest.raises(MediaError) as caught:
            kind(count)
        assert caught.value.reason == "INVALID_FRAME_COUNT"


@pytest.mark.parametrize("picture_format", PICTURE_FORMATS)
def test_a_frame_becomes_a_file_the_same_every_time(picture_format: PictureFormat) -> None:
    data = encode_frame(moving_frame(5), picture_format)
    assert data == encode_frame(moving_frame(5), picture_format)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == (picture_format, (64, 48))
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - moving_frame(5)).mean() < 4


def test_a_png_frame_loses_nothing() -> None:
    with Image.open(io.BytesIO(encode_frame(moving_frame(5), "PNG"))) as image:
        assert np.array_equal(np.asarray(image), moving_frame(5))


@pytest.mark.parametrize(
    ("max_width_px", "size"), [(32, (32, 24)), (10, (10, 8)), (1, (1, 1)), (64, (64, 48)), (5000, (64, 48))]
)
def test_a_thumbnail_keeps_its_aspect_and_is_never_enlarged(max_width_px: int, size: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(encode_frame(moving_frame(5), "PNG", max_width_px))) as image:
        assert image.size == size


@pytest.mark.parametrize("max_width_px", [None, 320])
@pytest.mark.parametrize("picture_format", PICTURE_FORMATS)
def test_the_largest_frame_becomes_a_file_too(picture_format: PictureFormat, max_width_px: int | None) -> None:
    side_px = max_width_px or 2048
    with Image.open(io.BytesIO(encode_frame(moving_frame(5, 2048, 2048), picture_format, max_width_px))) as image:
        assert (image.format, image.size) == (picture_format, (side_px, side_px))
        assert read_index(np.asarray(image.convert("RGB"))) == 5


@pytest.mark.parametrize("wrong", [np.zeros((2, 8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)])
def test_what_is_not_one_frame_is_refused(wrong: Frame) -> None:
    with pytest.raises(MediaError) as caught:
        encode_frame(wrong, "PNG")
    assert caught.value.reason == "INVALID_FRAME"
