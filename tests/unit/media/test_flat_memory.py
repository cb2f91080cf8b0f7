"""A clip never lies in memory whole."""

from fractions import Fraction
from pathlib import Path

import psutil
import pytest
from tests.unit.media.moving_picture import moving_frame

from atelier_media.clip_format import CONTAINERS, ClipFormat, Container
from atelier_media.clip_reader import ClipReader
from atelier_media.clip_writer import ClipWriter
from atelier_media.contact_sheet import ContactSheet
from atelier_media.frame_rate import FrameRateConverter, converted_frame_count
from atelier_media.poster import Poster

SIDE_PX = 256
FRAMES = 600
WARM = 60
# The 540 frames after the first 60 have 101 MiB.
MARGIN_BYTES = 16 << 20


def resident_bytes() -> int:
    return int(psutil.Process().memory_info().rss)


@pytest.mark.parametrize("container", CONTAINERS)
def test_ten_times_the_frames_need_no_more_memory(tmp_path: Path, container: Container) -> None:
    source_hz, target_hz = Fraction(24), Fraction(25)
    count = converted_frame_count(FRAMES, source_hz, target_hz)
    poster, sheet = Poster(count), ContactSheet(count)
    passed = warm_bytes = peak_bytes = 0
    converter = FrameRateConverter(source_hz, target_hz)
    with ClipWriter(tmp_path / "clip", ClipFormat(container, SIDE_PX, SIDE_PX, target_hz)) as writer:
        for index in range(FRAMES):
            for frame in converter.add(moving_frame(index, SIDE_PX, SIDE_PX)):
                writer.write(frame)
                poster.add(frame)
                sheet.add(frame)
                passed += 1
                if passed == WARM:
                    warm_bytes = resident_bytes()
                elif passed > WARM:
                    peak_bytes = max(peak_bytes, resident_bytes())
        for frame in converter.finish():
            writer.write(frame)
            poster.add(frame)
            sheet.add(frame)
    peak_bytes = max(peak_bytes, resident_bytes())
    assert peak_bytes - warm_bytes < MARGIN_BYTES
    assert poster.picture().shape == (SIDE_PX, SIDE_PX, 3)

    with ClipReader(tmp_path / "clip") as reader:
        assert reader.info.frame_count == count
        passed = warm_bytes = peak_bytes = 0
        for _ in reader.frames():
            passed += 1
            if passed == WARM:
                warm_bytes = resident_bytes()
            elif passed > WARM:
                peak_bytes = max(peak_bytes, resident_bytes())
    assert passed == count
    assert peak_bytes - warm_bytes < MARGIN_BYTES
