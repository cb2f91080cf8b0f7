"""A stored clip, opened."""

import io
import time
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.media.moving_picture import PARAMETERS, moving_frames, read_index, write_clip

from atelier_media.clip_format import CONTAINERS, ClipFormat, Container
from atelier_media.clip_limits import ClipLimits
from atelier_media.clip_reader import ClipReader
from atelier_media.errors import ClipReadError

FRAMES = moving_frames(70)
HEADS = {"MP4": b"\x00\x00\x00\x20ftypisom", "WEBM": bytes.fromhex("1a45dfa3") + b"webm", "GIF": b"GIF89a"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[Container, Path]:
    """70 frames of 64×48 px at 24 Hz in every container."""
    folder = tmp_path_factory.mktemp("clips")
    return {
        container: write_clip(folder / container, ClipFormat(container, 64, 48, Fraction(24), PARAMETERS), FRAMES)
        for container in CONTAINERS
    }


class Ranges(io.BytesIO):
    """A file that counts what is read of it."""

    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.bytes_read += len(data)
        return data


class Broken(io.BytesIO):
    """A file whose server goes away after a while."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 100:
            raise ConnectionResetError("storage is gone")
        return super().read(min(size or 0, 64))


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_clip_has_its_format_size_and_rate(clips: dict[Container, Path], container: Container) -> None:
    with ClipReader(clips[container]) as reader:
        info = reader.info
    assert (info.container, info.width_px, info.height_px, info.frame_count) == (container, 64, 48, 70)
    assert info.parameters == PARAMETERS
    # A GIF counts in hundredths of a second.
    assert info.frame_rate_hz == (Fraction(7000, 292).limit_denominator(1001) if container == "GIF" else 24)
    assert info.duration_s == pytest.approx(70 / 24, abs=0.01)
    assert info.frame_time_s(12) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(2997, 100), Fraction(1, 2), Fraction(240)])
@pytest.mark.parametrize("container", ["MP4", "WEBM"])
def test_odd_frame_rates_come_back_exactly(tmp_path: Path, container: Container, rate: Fraction) -> None:
    with ClipReader(write_clip(tmp_path / "clip", ClipFormat(container, 64, 48, rate), FRAMES)) as reader:
        assert (reader.info.frame_rate_hz, reader.info.frame_count) == (rate, 70)
        assert [read_index(reader.frame(index)) for index in (69, 0, 33)] == [69, 0, 33]


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_frame_is_the_requested_one(clips: dict[Container, Path], container: Container) -> None:
    with ClipReader(clips[container]) as reader:
        # Both sides of every keyframe, and not in order.
        for index in (69, 0, 15, 16, 17, 1, 31, 32, 48, 64, 63):
            assert read_index(reader.frame(index)) == index


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_frame_by_its_number_is_the_frame_of_the_sequence(clips: dict[Container, Path], container: Container) -> None:
    with ClipReader(clips[container]) as reader:
        frames = list(reader.frames())
        assert [read_index(frame) for frame in frames] == list(range(70))
        assert np.array_equal(reader.frame(40), frames[40])
        assert [read_index(frame) for frame in reader.frames(start=66)] == [66, 67, 68, 69]


@pytest.mark.parametrize("container", CONTAINERS)
def test_frames_look_like_those_that_went_in(clips: dict[Container, Path], container: Container) -> None:
    with ClipReader(clips[container]) as reader:
        for before, after in zip(FRAMES, reader.frames(), strict=True):
            assert np.abs(before.astype(int) - after).mean() < 4


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_frame_past_the_end_is_not_found(clips: dict[Container, Path], container: Container) -> None:
    with ClipReader(clips[container]) as reader:
        for index in (70, -1, 10**12):
            with pytest.raises(ClipReadError) as caught:
                reader.frame(index)
            assert caught.value.reason == "FRAME_NOT_FOUND"


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_file_object_serves_as_well_and_stays_open(clips: dict[Container, Path], container: Container) -> None:
    file = io.BytesIO(clips[container].read_bytes())
    with ClipReader(file) as reader:
        assert read_index(reader.frame(33)) == 33
    assert not file.closed


@pytest.mark.parametrize("container", ["MP4", "WEBM"])
def test_one_frame_of_a_long_clip_reads_little_of_it(tmp_path: Path, container: Container) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 64, 64, 3), np.uint8)
    clip = write_clip(tmp_path / "clip", ClipFormat(container, 64, 64, Fraction(24)), noise)
    file = Ranges(clip.read_bytes())
    with ClipReader(file) as reader:
        reader.frame(150)
    assert file.bytes_read < clip.stat().st_size / 4


def test_one_reader_has_one_iterator_at_a_time(clips: dict[Container, Path]) -> None:
    with ClipReader(clips["MP4"]) as reader:
        frames = reader.frames()
        next(frames)
        reader.frame(3)
        with pytest.raises(RuntimeError, match="another method"):
            next(frames)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(
    "limits", [ClipLimits(frame_px=64 * 48 - 1), ClipLimits(frame_count=69), ClipLimits(total_px=64 * 48 * 70 - 1)]
)
def test_a_clip_over_a_limit_is_refused(clips: dict[Container, Path], container: Container, limits: ClipLimits) -> None:
    with pytest.raises(ClipReadError) as caught:
        ClipReader(clips[container], limits)
    assert caught.value.reason == "CLIP_TOO_LARGE"


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_clip_at_the_limits_is_read(clips: dict[Container, Path], container: Container) -> None:
    limits = ClipLimits(frame_px=64 * 48, frame_count=70, total_px=64 * 48 * 70)
    with ClipReader(clips[container], limits) as reader:
        assert len(list(reader.frames())) == 70


@pytest.mark.parametrize(
    "parameters", [{}, {"prompt": "x" * 20_000}, {"prompt": 'quote " \\ \n \x00 \U0001f6a2', "list": [1, None, True]}]
)
@pytest.mark.parametrize("container", CONTAINERS)
def test_parameters_of_every_kind_come_back(tmp_path: Path, container: Container, parameters: dict[str, Any]) -> None:
    clip_format = ClipFormat(container, 64, 48, Fraction(8), parameters)
    with ClipReader(write_clip(tmp_path / "clip", clip_format, FRAMES[:2])) as reader:
        assert reader.info.parameters == (parameters or None)


@pytest.mark.parametrize(
    "data", [b"", b"GIF", b"no clip at all" * 100, b"\x89PNG\r\n\x1a\n" + bytes(100), *HEADS.values()]
)
def test_what_is_no_clip_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(ClipReadError):
        ClipReader(io.BytesIO(data))


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_megabyte_of_garbage_is_refused_at_once(container: Container) -> None:
    garbage = HEADS[container] + np.random.default_rng(1).bytes(1 << 20)
    begin_s = time.perf_counter()
    with pytest.raises(ClipReadError):
        ClipReader(io.BytesIO(garbage))
    assert time.perf_counter() - begin_s < 0.5  # milliseconds, on a machine that does something else too


def test_a_huge_gif_is_refused_before_anything_is_decoded() -> None:
    frame = b"\x2c" + bytes(4) + b"\xff\xff\xff\xff\x00" + b"\x02\x01\x00\x00"
    with pytest.raises(ClipReadError) as caught:
        ClipReader(io.BytesIO(b"GIF89a\xff\xff\xff\xff\x00\x00\x00" + frame + b"\x3b"))
    assert caught.value.reason == "CLIP_TOO_LARGE"


def take_all(data: bytes, taken: list[int]) -> None:
    """Reads a clip to its end, and adds the index of every frame to `taken`."""
    with ClipReader(io.BytesIO(data)) as reader:
        taken.extend(read_index(frame) for frame in reader.frames())


def test_a_truncated_mp4_yields_its_frames_and_then_an_error(clips: dict[Container, Path]) -> None:
    data = clips["MP4"].read_bytes()
    taken: list[int] = []
    with pytest.raises(ClipReadError) as caught:
        take_all(data[: len(data) * 2 // 3], taken)
    assert caught.value.reason == "CLIP_DAMAGED"
    assert 20 < len(taken) < 70
    assert taken == list(range(len(taken)))


@pytest.mark.parametrize("container", ["WEBM", "GIF"])
def test_the_others_are_refused_when_they_are_cut_short(clips: dict[Container, Path], container: Container) -> None:
    # Their headers count no frames: how many there are is found out at the end, which is missing.
    data = clips[container].read_bytes()
    with pytest.raises(ClipReadError) as caught:
        ClipReader(io.BytesIO(data[: len(data) * 2 // 3]))
    assert caught.value.reason == "CLIP_DAMAGED"


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("container", CONTAINERS)
def test_a_clip_with_wrong_bytes_gives_frames_or_a_named_error(
    clips: dict[Container, Path], container: Container, data: st.DataObject
) -> None:
    damaged = bytearray(clips[container].read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        # Most of what can break lies in the first bytes.
        end = data.draw(st.sampled_from([64, 1024, len(damaged)]))
        damaged[data.draw(st.integers(0, end - 1))] = data.draw(st.integers(0, 255))
    limits = ClipLimits(frame_px=1 << 20, frame_count=1000, total_px=1 << 24)
    with suppress(ClipReadError), ClipReader(io.BytesIO(bytes(damaged)), limits) as reader:
        for frame in reader.frames():
            assert frame.shape == (reader.info.height_px, reader.info.width_px, 3)


@pytest.mark.parametrize("container", CONTAINERS)
def test_what_the_file_itself_raises_is_passed_on(clips: dict[Container, Path], container: Container) -> None:
    with pytest.raises(ConnectionResetError, match="storage is gone"):
        ClipReader(Broken(clips[container].read_bytes()))
