"""JPEG (ITU-T T.81)."""

import re
import struct
from typing import BinaryIO

from atelier_storage.domain.formats.reader import STEP_BYTES, skip, take
from atelier_storage.domain.limits import CorruptError, Extent

# Frame headers: SOF0–SOF15 without DHT (C4), JPG (C8) and DAC (CC).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
# Inside a scan, FF is followed by 00 (stuffing), D0–D7 (restart) or FF (fill); anything else is the next marker.
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def extent(file: BinaryIO, end: int) -> Extent:
    """The size, after a walk over all segments up to the end of the image.

    Raises CorruptError when the structure breaks off or there is no frame, no scan or no end.
    """
    file.seek(2)
    size: Extent | None = None
    has_scan = False
    while True:
        marker = _marker(file)
        if marker == _END_OF_IMAGE:
            break
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            continue  # stand-alone markers carry no length
        length = struct.unpack(">H", take(file, 2))[0]
        if length < 2:
            raise CorruptError("a segment has no length")
        if marker in _FRAMES:
            _, height, width = struct.unpack(">BHH", take(file, 5))
            length -= 5
            size = size or Extent(width, height)
        skip(file, length - 2, end)
        if marker == _START_OF_SCAN:
            has_scan = True
            _skip_scan(file)
    if size is None or not has_scan:
        raise CorruptError("it has no image data")
    return size


def _marker(file: BinaryIO) -> int:
    if take(file, 1) != b"\xff":
        raise CorruptError("a segment does not begin where it should")
    code = 0xFF
    while code == 0xFF:
        code = take(file, 1)[0]
    return code


def _skip_scan(file: BinaryIO) -> None:
    """Goes to the marker that ends the entropy-coded data."""
    while True:
        at = file.tell()
        piece = file.read(STEP_BYTES)
        found = _NEXT_MARKER.search(piece)
        if found:
            file.seek(at + found.start())
            return
        if len(piece) < 2:
            raise CorruptError("the file ends too early")
        # One byte again: a marker may lie across two pieces.
        file.seek(at + len(piece) - 1)
