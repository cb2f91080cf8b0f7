"""Frames as they were drawn: a part of a clip in one file, and the parts of a whole clip."""

import io
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.unit.media.moving_picture import moving_frame, moving_frames

from atelier_media.errors import ClipReadError, MediaError
from atelier_media.frame import Frames
from atelier_media.frame_part import FrameParts, cut_frame, decode_frame, encode_frame_part

FRAMES = moving_frames(16)
PART = encode_frame_part(FRAMES)


def noise(count: int, width_px: int, height_px: int) -> Frames:
    return np.random.default_rng(0).integers(0, 256, (count, height_px, width_px, 3), np.uint8)


@pytest.mark.parametrize(
    "frames",
    [
        FRAMES,
        noise(16, 1, 1),
        noise(3, 33, 17),
        noise(1, 640, 1),
        np.zeros((5, 7, 5, 3), np.uint8),
        np.full((2, 64, 64, 3), 255, np.uint8),
        moving_frames(2, 512, 512),
        # Not contiguous.
        noise(4, 64, 48)[:, ::-1, ::2],
    ],
)
def test_every_frame_comes_back_exactly(frames: Frames) -> None:
    part = encode_frame_part(frames)
    assert part == encode_frame_part(frames)
    for index in reversed(range(len(frames))):
        assert np.array_equal(decode_frame(part, index), frames[index])


def test_one_frame_without_a_chunk_is_a_part_too() -> None:
    assert np.array_equal(decode_frame(encode_frame_part(moving_frame(7)), 0), moving_frame(7))


def test_frames_that_are_equal_stay_as_many_as_they_are() -> None:
    part = encode_frame_part(np.stack([moving_frame(3)] * 16))
    assert np.array_equal(decode_frame(part, 15), moving_frame(3))


def test_a_stranger_sees_the_same_animation() -> None:
    with Image.open(io.BytesIO(PART)) as image:
        assert (image.format, image.size, image.n_frames) == ("WEBP", (64, 48), 16)  # type: ignore[attr-defined]
        for index in range(16):
            image.seek(index)
            assert np.array_equal(np.asarray(image.convert("RGB")), FRAMES[index])


def test_a_frame_is_cut_out_as_a_lossless_picture() -> None:
    data = cut_frame(PART, 5)
    assert len(data) < len(PART) / 8
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.n_frames) == ("WEBP", 1)  # type: ignore[attr-defined]
        assert np.array_equal(np.asarray(image), FRAMES[5])


@pytest.mark.parametrize("index", [16, -1, 10**12])
def test_a_frame_past_the_end_is_not_found(index: int) -> None:
    with pytest.raises(ClipReadError) as caught:
        decode_frame(PART, index)
    assert caught.value.reason == "FRAME_NOT_FOUND"


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (np.zeros((17, 8, 8, 3), np.uint8), "INVALID_FRAME_COUNT"),
        (np.zeros((0, 8, 8, 3), np.uint8), "INVALID_FRAME_COUNT"),
        (np.zeros((8, 8), np.uint8), "INVALID_FRAME"),
        (np.zeros(3, np.uint8), "INVALID_FRAME"),
        (np.zeros((1, 8, 8, 3), np.float32), "INVALID_FRAME"),
        (np.zeros((1, 1, 16384, 3), np.uint8), "INVALID_SIZE"),
        (np.zeros((1, 4096, 4096, 3), np.uint8), "INVALID_SIZE"),
    ],
)
def test_what_is_no_part_of_a_clip_is_refused(frames: Frames, reason: str) -> None:
    with pytest.raises(MediaError) as caught:
        encode_frame_part(frames)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "NOT_A_CLIP"),
        (b"RIFF", "NOT_A_CLIP"),
        (b"no clip at all" * 100, "NOT_A_CLIP"),
        (b"RIFF\x04\x00\x00\x00WEBP", "NOT_A_CLIP"),
        (cut_frame(PART, 0), "NOT_A_CLIP"),  # one picture
        (PART[:-1], "CLIP_DAMAGED"),
        (PART + b"\x00", "CLIP_DAMAGED"),
        (PART.replace(b"ANMF", b"JUNK"), "CLIP_DAMAGED"),
        (PART.replace(b"VP8L", b"VP8 "), "CLIP_DAMAGED"),
        # A frame that is larger than the whole, and a whole of four gigapixels.
        (PART.replace(b"\x2f\x3f", b"\x2f\xff"), "CLIP_DAMAGED"),
        (PART[:24] + b"\xff\xff\x00\xff\xff\x00" + PART[30:], "CLIP_TOO_LARGE"),
    ],
)
def test_what_is_no_part_is_refused_by_name(data: bytes, reason: str) -> None:
    with pytest.raises(ClipReadError) as caught:
        decode_frame(data, 0)
    assert caught.value.reason == reason


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_part_with_wrong_bytes_gives_a_frame_or_a_named_error(data: st.DataObject) -> None:
    damaged = bytearray(PART)
    for _ in range(data.draw(st.integers(1, 8))):
        end = data.draw(st.sampled_from([64, 512, len(damaged)]))
        damaged[data.draw(st.integers(0, end - 1))] = data.draw(st.integers(0, 255))
    with suppress(ClipReadError):
        assert decode_frame(bytes(damaged), data.draw(st.integers(0, 15))).shape == (48, 64, 3)


def test_a_megabyte_of_garbage_in_a_frame_is_a_damaged_frame() -> None:
    frame = encode_frame_part(noise(1, 600, 600))
    garbage = frame[:80] + np.random.default_rng(1).bytes(len(frame) - 80)
    with pytest.raises(ClipReadError) as caught:
        decode_frame(garbage, 0)
    assert caught.value.reason == "CLIP_DAMAGED"


@pytest.mark.parametrize("chunk", [1, 5, 16, 40])
@pytest.mark.parametrize("count", [1, 15, 16, 17, 40])
def test_a_clip_becomes_parts_that_begin_at_every_sixteenth_frame(count: int, chunk: int) -> None:
    frames = moving_frames(count)
    collector = FrameParts(64, 48)
    parts = []
    for first in range(0, count, chunk):
        came = collector.add(frames[first : first + chunk])
        parts += came
        # No frame waits for more than the fifteen after it.
        assert sum(part.frames for part in parts) > min(first + chunk, count) - 16
    parts += collector.finish()
    assert [part.first_index for part in parts] == list(range(0, count, 16))
    assert [part.frames for part in parts] == [min(16, count - first) for first in range(0, count, 16)]
    for index in range(count):
        assert np.array_equal(decode_frame(parts[index // 16].data, index % 16), frames[index])
    assert parts[0].data == encode_frame_part(frames[:16])


def test_no_frames_make_no_parts() -> None:
    assert FrameParts(64, 48).finish() == []


def test_a_chunk_of_another_size_is_refused_and_none_of_it_is_taken() -> None:
    collector = FrameParts(64, 48)
    collector.add(FRAMES[:3])
    with pytest.raises(MediaError) as caught:
        collector.add(moving_frames(2, 32, 32))
    assert caught.value.reason == "INVALID_FRAME"
    (part,) = collector.finish()
    assert part.frames == 3
