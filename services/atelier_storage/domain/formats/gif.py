"""GIF (CompuServe GIF89a)."""

import struct
from typing import BinaryIO

from atelier_storage.domain.formats.reader import skip, take
from atelier_storage.domain.limits import CorruptError, Extent

_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B


def head_extent(head: bytes) -> Extent | None:
    """The canvas in the first bytes; None when they do not hold it, or when frames make it larger (a canvas of 0)."""
    if len(head) < 10:
        return None
    width, height = struct.unpack("<HH", head[6:10])
    return Extent(width, height) if width and height else None


def extent(file: BinaryIO, end: int) -> Extent:
    """Canvas and frames, after a walk over all blocks: each frame decodes to a whole canvas.

    Raises CorruptError when the blocks break off, there is no frame, or the trailer is missing.
    """
    file.seek(6)
    width, height, flags = struct.unpack("<HHB", take(file, 5))
    skip(file, 2 + _table_bytes(flags), end)
    frames = 0
    while True:
        kind = take(file, 1)[0]
        if kind == _TRAILER:
            break
        if kind == _IMAGE:
            left, top, frame_width, frame_height, flags = struct.unpack("<HHHHB", take(file, 9))
            width, height = max(width, left + frame_width), max(height, top + frame_height)
            frames += 1
            skip(file, _table_bytes(flags) + 1, end)  # and the LZW code size
        elif kind == _EXTENSION:
            skip(file, 1, end)
        else:
            raise CorruptError("a block inside is of no known kind")
        _skip_sub_blocks(file, end)
    if not frames:
        raise CorruptError("it has no image data")
    return Extent(width, height, frames)


def _table_bytes(flags: int) -> int:
    """Size of the colour table that follows, if the flags say that one does."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_sub_blocks(file: BinaryIO, end: int) -> None:
    while count := take(file, 1)[0]:
        skip(file, count, end)
