"""Frames become a clip."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from tests.unit.media.moving_picture import (
    COLOURS,
    PARAMETERS,
    moving_frame,
    moving_frames,
    patch_centres,
    patches,
    write_clip,
)

from atelier_media.clip_format import CONTAINERS, ClipFormat, Container
from atelier_media.clip_reader import ClipReader
from atelier_media.clip_writer import ClipWriter
from atelier_media.errors import ClipWriteError, MediaError
from atelier_media.frame import Frames

RATE = Fraction(24)


def small(container: Container, rate: Fraction = RATE) -> ClipFormat:
    return ClipFormat(container, 64, 48, rate, PARAMETERS)


def video_of(path: Path) -> tuple[av.container.InputContainer, av.VideoStream]:
    opened = av.open(str(path), "r")
    return opened, opened.streams.video[0]


def mp4_atoms(data: bytes) -> list[bytes]:
    names, offset = [], 0
    while offset < len(data):
        names.append(data[offset + 4 : offset + 8])
        offset += int.from_bytes(data[offset : offset + 4], "big")
    return names


@pytest.mark.parametrize(("container", "codec"), [("MP4", "h264"), ("WEBM", "vp9"), ("GIF", "gif")])
def test_a_stranger_counts_as_many_frames_of_that_size_and_rate(
    tmp_path: Path, container: Container, codec: str
) -> None:
    path = write_clip(tmp_path / "clip", small(container), moving_frames(37))
    opened, stream = video_of(path)
    with opened:
        frames = list(opened.decode(stream))
        stream_rate = stream.average_rate
        assert stream.codec_context.name == codec
    assert len(frames) == 37
    assert container == "GIF" or stream_rate == 24  # a GIF has delays, no rate
    assert {(frame.width, frame.height) for frame in frames} == {(64, 48)}
    assert [frame.time for frame in frames] == pytest.approx([n / 24 for n in range(37)], abs=0.0051)


@pytest.mark.parametrize("container", ["MP4", "WEBM"])
def test_video_is_tagged_bt709_with_limited_range(tmp_path: Path, container: Container) -> None:
    opened, stream = video_of(write_clip(tmp_path / "clip", small(container), moving_frames(3)))
    with opened:
        frame = next(opened.decode(stream))
    assert frame.format.name == "yuv420p"
    assert (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range) == (1, 1, 1, 1)


@pytest.mark.parametrize("container", ["MP4", "WEBM"])
def test_video_is_what_bt709_makes_of_the_pixels(tmp_path: Path, container: Container) -> None:
    opened, stream = video_of(
        write_clip(tmp_path / "clip", ClipFormat(container, 192, 32, RATE), np.stack([patches()] * 3))
    )
    with opened:
        planes = next(opened.decode(stream)).to_ndarray()
    for place, (red, green, blue) in enumerate(COLOURS.values()):
        # ITU-R BT.709-6, items 3.2 to 3.4.
        luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        chroma_blue, chroma_red = (blue - luma) / 1.8556, (red - luma) / 1.5748
        assert planes[16, 16 + 32 * place] == pytest.approx(16 + luma * 219 / 255, abs=2)
        flat = planes[32:].reshape(-1)
        assert flat[8 * 96 + 8 + 16 * place] == pytest.approx(128 + chroma_blue * 224 / 255, abs=3)
        assert flat[16 * 96 + 8 * 96 + 8 + 16 * place] == pytest.approx(128 + chroma_red * 224 / 255, abs=3)


@pytest.mark.parametrize(("container", "tolerance"), [("MP4", 4), ("WEBM", 5), ("GIF", 0)])
def test_colours_come_back(tmp_path: Path, container: Container, tolerance: int) -> None:
    clip = write_clip(tmp_path / "clip", ClipFormat(container, 192, 32, RATE), np.stack([patches()] * 20))
    with ClipReader(clip) as reader:
        for frame in reader.frames():
            for name, colour in patch_centres(frame).items():
                assert colour == pytest.approx(COLOURS[name], abs=tolerance), name


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_same_frames_give_the_same_bytes_in_whatever_chunks_they_come(tmp_path: Path, container: Container) -> None:
    frames = moving_frames(20)
    at_once = write_clip(tmp_path / "once", small(container), frames)
    with ClipWriter(tmp_path / "pieces", small(container)) as writer:
        writer.write(frames[0])
        writer.write(frames[1:8])
        # Memory laid out in some other way.
        writer.write(np.asfortranarray(frames[8:]))
        assert writer.frame_count == 20
    assert at_once.read_bytes() == (tmp_path / "pieces").read_bytes()


def test_a_browser_finds_the_index_of_an_mp4_before_the_frames(tmp_path: Path) -> None:
    data = write_clip(tmp_path / "clip", small("MP4"), moving_frames(20)).read_bytes()
    atoms = mp4_atoms(data)
    assert atoms[0] == b"ftyp"
    assert atoms.index(b"moov") < atoms.index(b"mdat")


def test_a_browser_finds_the_index_of_a_webm_before_the_frames(tmp_path: Path) -> None:
    data = write_clip(tmp_path / "clip", small("WEBM"), moving_frames(20)).read_bytes()
    cues, cluster = data.rindex(bytes.fromhex("1c53bb6b")), data.index(bytes.fromhex("1f43b675"))
    assert cues < cluster


def test_a_gif_plays_for_ever_and_in_time(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip", small("GIF"), moving_frames(25))
    with Image.open(clip) as image:
        assert (image.format, image.size, image.info["loop"]) == ("GIF", (64, 48), 0)
        durations_ms = []
        for index in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(index)
            durations_ms.append(image.info["duration"])
    assert set(durations_ms) == {40, 50}
    assert sum(durations_ms) == 1040  # 25 / 24 s, to a hundredth


def test_a_gif_of_one_frame_is_shown_as_long_as_it_should(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip", small("GIF", Fraction(2)), moving_frames(1))
    with ClipReader(clip) as reader:
        assert (reader.info.frame_count, reader.info.duration_s) == (1, 0.5)


def test_what_stands_still_in_a_gif_does_not_flicker(tmp_path: Path) -> None:
    y, x = np.mgrid[0:64, 0:64]
    still = np.stack([x * 4, y * 4, (x + y) * 2], axis=-1).astype(np.uint8)
    frames = np.stack([still] * 30)
    for index in range(30):
        frames[index, :10, index : index + 10] = (250, 20, 20)
    with ClipReader(write_clip(tmp_path / "clip", ClipFormat("GIF", 64, 64, RATE), frames)) as reader:
        lower_halves = [frame[32:] for frame in reader.frames()]
    assert all(np.array_equal(half, lower_halves[0]) for half in lower_halves)


def test_a_new_scene_in_a_gif_gets_colours_of_its_own(tmp_path: Path) -> None:
    x = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
    dark = np.zeros_like(x)
    reds, blues = np.stack([x, dark, dark], axis=-1), np.stack([dark, dark, x], axis=-1)
    frames = np.stack([reds] * 5 + [blues] * 5)
    with ClipReader(write_clip(tmp_path / "clip", ClipFormat("GIF", 64, 64, RATE), frames)) as reader:
        assert np.array_equal(np.stack(list(reader.frames())), frames)


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_single_frame_is_a_clip(tmp_path: Path, container: Container) -> None:
    with ClipReader(write_clip(tmp_path / "clip", small(container), moving_frame(5))) as reader:
        assert reader.info.frame_count == 1
        assert reader.info.frame_rate_hz == Fraction(25 if container == "GIF" else 24)
        assert reader.frame(0).shape == (48, 64, 3)


def test_h264_refuses_odd_sizes_by_name(tmp_path: Path) -> None:
    for size in ((63, 48), (64, 47)):
        with pytest.raises(ClipWriteError, match="multiples of 2 px") as caught:
            ClipFormat("MP4", *size, RATE)
        assert caught.value.reason == "INVALID_SIZE"


@pytest.mark.parametrize("container", ["WEBM", "GIF"])
def test_the_others_take_odd_sizes(tmp_path: Path, container: Container) -> None:
    clip = write_clip(tmp_path / "clip", ClipFormat(container, 63, 47, RATE), moving_frames(3, 63, 47))
    with ClipReader(clip) as reader:
        assert [frame.shape for frame in reader.frames()] == [(47, 63, 3)] * 3


@pytest.mark.parametrize("size", [(0, 48), (64, -2), (16386, 48)])
@pytest.mark.parametrize("container", CONTAINERS)
def test_sizes_that_no_encoder_takes_are_refused(container: Container, size: tuple[int, int]) -> None:
    with pytest.raises(ClipWriteError) as caught:
        ClipFormat(container, *size, RATE)
    assert caught.value.reason == "INVALID_SIZE"


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("size", [(2, 2), (16, 2), (1024, 2)])
def test_the_smallest_sizes_work(tmp_path: Path, container: Container, size: tuple[int, int]) -> None:
    frames = np.zeros((3, size[1], size[0], 3), np.uint8)
    with ClipReader(write_clip(tmp_path / "clip", ClipFormat(container, *size, RATE), frames)) as reader:
        assert len(list(reader.frames())) == 3


def test_a_gif_is_not_faster_than_browsers_play_it() -> None:
    assert ClipFormat("GIF", 64, 48, Fraction(50)).frame_rate_hz == 50
    with pytest.raises(MediaError) as caught:
        ClipFormat("GIF", 64, 48, Fraction(51))
    assert caught.value.reason == "INVALID_FRAME_RATE"


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((48, 64), np.uint8),
        np.zeros((48, 64, 4), np.uint8),
        np.zeros((48, 64, 3), np.float32),
        np.zeros((64, 48, 3), np.uint8),
        np.zeros((2, 48, 62, 3), np.uint8),
    ],
)
def test_frames_of_another_shape_are_refused_and_the_clip_goes_on(tmp_path: Path, frames: Frames) -> None:
    with ClipWriter(tmp_path / "clip", small("MP4")) as writer:
        writer.write(moving_frame(0))
        with pytest.raises(MediaError) as caught:
            writer.write(frames)
        assert caught.value.reason == "INVALID_FRAME"
        writer.write(moving_frame(1))
    with ClipReader(tmp_path / "clip") as reader:
        assert reader.info.frame_count == 2


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_clip_without_frames_is_refused_and_leaves_no_file(tmp_path: Path, container: Container) -> None:
    with pytest.raises(ClipWriteError) as caught, ClipWriter(tmp_path / "clip", small(container)):
        pass
    assert caught.value.reason == "NO_FRAMES"
    assert list(tmp_path.iterdir()) == []


def write_and_fail(path: Path, clip_format: ClipFormat) -> None:
    """Twenty frames, and then the model runs out of memory."""
    with ClipWriter(path, clip_format) as writer:
        writer.write(moving_frames(20))
        raise MemoryError


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_block_that_fails_leaves_no_file(tmp_path: Path, container: Container) -> None:
    with pytest.raises(MemoryError):
        write_and_fail(tmp_path / "clip", small(container))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("container", CONTAINERS)
def test_nothing_lies_at_the_path_before_the_clip_is_whole(tmp_path: Path, container: Container) -> None:
    writer = ClipWriter(tmp_path / "clip", small(container))
    writer.write(moving_frames(20))
    assert not (tmp_path / "clip").exists()
    writer.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["clip"]
    writer.abort()
    assert (tmp_path / "clip").exists()


def test_an_aborted_clip_leaves_the_one_that_was_there(tmp_path: Path) -> None:
    before = write_clip(tmp_path / "clip", small("MP4"), moving_frames(5)).read_bytes()
    writer = ClipWriter(tmp_path / "clip", small("MP4"))
    writer.write(moving_frames(3))
    writer.abort()
    writer.abort()
    assert (tmp_path / "clip").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_full_disk_is_a_named_error_and_leaves_no_file(tmp_path: Path, container: Container) -> None:
    (tmp_path / "clip.partial").symlink_to("/dev/full")
    with pytest.raises(ClipWriteError) as caught, ClipWriter(tmp_path / "clip", small(container)) as writer:
        writer.write(np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), np.uint8))
    assert caught.value.reason == "ENCODING_FAILED"
    assert str(tmp_path) not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(ClipWriteError) as caught:
        write_clip(tmp_path / "none" / "clip", small("WEBM"), moving_frame(0))
    assert caught.value.reason == "ENCODING_FAILED"


def test_a_finished_clip_takes_no_more_frames(tmp_path: Path) -> None:
    with ClipWriter(tmp_path / "clip", small("MP4")) as writer:
        writer.write(moving_frame(0))
        writer.finish()
    with pytest.raises(ValueError, match="finished"):
        writer.write(moving_frame(1))
