"""MP4 (ISO/IEC 14496-12 and -14)."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from atelier_storage.domain.formats.reader import take
from atelier_storage.domain.limits import CorruptError, Extent

# Real files have tens of boxes; more than this is an attack.
_MAX_BOXES = 100_000


def extent(file: BinaryIO, end: int) -> Extent:
    """The size of the largest track, after a walk over the top boxes, which must fill the file exactly.

    Raises CorruptError when a box leads past the end, or when there is no movie, no size, or no media data.
    """
    width = height = 0
    kinds = set()
    for kind, start, stop in _boxes(file, 0, end):
        kinds.add(kind)
        if kind == b"moov":
            for track, track_start, track_stop in _boxes(file, start, stop):
                if track == b"trak":
                    found = _track_size(file, track_start, track_stop)
                    width, height = max(width, found[0]), max(height, found[1])
    if not {b"moov", b"mdat"} <= kinds or not width or not height:
        raise CorruptError("it holds no video")
    return Extent(width, height)


def _track_size(file: BinaryIO, start: int, end: int) -> tuple[int, int]:
    for kind, header, stop in _boxes(file, start, end):
        if kind == b"tkhd" and stop - header >= 84:
            file.seek(stop - 8)  # the last two fields, 16.16 fixed point
            width, height = struct.unpack(">II", take(file, 8))
            return width >> 16, height >> 16
    return 0, 0


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of the content of each box between two offsets."""
    at = start
    for _ in range(_MAX_BOXES):
        if at == end:
            return
        file.seek(at)
        size, kind = struct.unpack(">I4s", take(file, 8))
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", take(file, 8))[0], 16
        elif size == 0:
            size = end - at  # up to the end
        if size < header or at + size > end:
            raise CorruptError("the file ends too early")
        yield kind, at + header, at + size
        at += size
    raise CorruptError("it has too many boxes")
