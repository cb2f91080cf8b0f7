"""PNG (W3C PNG, third edition)."""

import struct
import zlib
from typing import BinaryIO

from atelier_storage.domain.formats.reader import steps, take
from atelier_storage.domain.limits import CorruptError, Extent


def head_extent(head: bytes) -> Extent | None:
    """The size in the first bytes, before anything is verified; None when they do not hold it."""
    if len(head) < 24 or head[12:16] != b"IHDR":
        return None
    return Extent(*struct.unpack(">II", head[16:24]))


def extent(file: BinaryIO, end: int) -> Extent:
    """Size and frames, after a walk over all chunks whose CRCs must be right.

    Raises CorruptError when a chunk is broken, IHDR or IDAT is missing or the file ends before IEND.
    """
    del end  # every chunk is read, so a missing byte shows itself
    file.seek(8)
    size: tuple[int, int] | None = None
    frames, has_data = 1, False
    while True:
        length, kind = struct.unpack(">I4s", take(file, 8))
        crc, first = zlib.crc32(kind), b""
        for piece in steps(file, length):
            first = first or piece[:16]
            crc = zlib.crc32(piece, crc)
        if struct.unpack(">I", take(file, 4))[0] != crc:
            raise CorruptError("a checksum inside is wrong")
        if size is None:
            if kind != b"IHDR" or length != 13:
                raise CorruptError("it has no header")
            size = struct.unpack(">II", first[:8])
        elif kind == b"acTL" and length == 8:
            frames = max(1, struct.unpack(">I", first[:4])[0])
        elif kind == b"IDAT":
            has_data = True
        elif kind == b"IEND":
            break
    if not has_data:
        raise CorruptError("it has no image data")
    return Extent(*size, frames)
