"""All that the worker makes of a clip, at once, from chunks as the model draws them."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.unit.media.moving_picture import moving_frames, read_index

from atelier_media.clip_format import CONTAINERS, ClipFormat, Container
from atelier_media.clip_reader import ClipReader
from atelier_media.clip_writer import ClipWriter
from atelier_media.contact_sheet import ContactSheet
from atelier_media.frame import Frame
from atelier_media.frame_part import FramePart, FrameParts, decode_frame
from atelier_media.frame_rate import FrameRateConverter, source_index
from atelier_media.poster import Poster

DRAWN_HZ = Fraction(8)
FRAMES = moving_frames(37)


@pytest.mark.parametrize("rate_hz", [Fraction(8), Fraction(24), Fraction(30), Fraction(5)])
@pytest.mark.parametrize("container", CONTAINERS)
def test_chunks_become_a_clip_and_its_parts_and_pictures_in_one_go(
    tmp_path: Path, container: Container, rate_hz: Fraction
) -> None:
    count = len(FRAMES)
    poster, sheet, collector = Poster(count), ContactSheet(count), FrameParts(64, 48)
    converter = FrameRateConverter(DRAWN_HZ, rate_hz)
    parts: list[FramePart] = []

    def write(frames: Iterable[Frame]) -> None:
        for frame in frames:
            writer.write(frame)

    with ClipWriter(tmp_path / "clip", ClipFormat(container, 64, 48, rate_hz)) as writer:
        for first in range(0, count, 7):
            chunk = FRAMES[first : first + 7].copy()
            parts += collector.add(chunk)
            poster.add(chunk)
            sheet.add(chunk)
            write(converter.add(chunk))
            # Whoever drew the chunk may use its memory again.
            chunk[:] = 0
        parts += collector.finish()
        write(converter.finish())

    assert np.array_equal(poster.picture(), FRAMES[18])
    assert sheet.picture().shape == (152, 200, 3)
    drawn = [decode_frame(part.data, index) for part in parts for index in range(part.frames)]
    assert np.array_equal(np.stack(drawn), FRAMES)
    with ClipReader(tmp_path / "clip") as reader:
        shown = [read_index(frame) for frame in reader.frames()]
    assert shown == [min(source_index(index, DRAWN_HZ, rate_hz), 36) for index in range(len(shown))]
