"""WebP (RFC 9649)."""

import struct
from typing import BinaryIO

from atelier_storage.domain.formats.reader import skip, take
from atelier_storage.domain.limits import CorruptError, Extent


def head_extent(head: bytes) -> Extent | None:
    """The size in the first bytes; None when they do not hold it."""
    return _size(head[12:16], head[20:30])


def extent(file: BinaryIO, end: int) -> Extent:
    """Size and frames, after a walk over all RIFF chunks.

    Raises CorruptError when the container is longer than the file or holds no image.
    """
    file.seek(4)
    riff_end = 8 + struct.unpack("<I", take(file, 4))[0]
    if riff_end > end:
        raise CorruptError("the file ends too early")
    file.seek(12)
    size: Extent | None = None
    frames, has_image = 0, False
    while file.tell() + 8 <= riff_end:
        kind, length = struct.unpack("<4sI", take(file, 8))
        first = take(file, min(length, 10))
        size = size or _size(kind, first)
        has_image = has_image or kind in (b"VP8 ", b"VP8L", b"ANMF")
        frames += kind == b"ANMF"
        # Chunks are padded to even sizes; a writer that forgets the last padding byte is forgiven.
        rest = length - len(first)
        skip(file, rest, riff_end)
        if length % 2 and file.tell() < riff_end:
            file.seek(1, 1)
    if size is None or not has_image:
        raise CorruptError("it has no image data")
    return Extent(size.width_px, size.height_px, max(1, frames))


def _size(kind: bytes, data: bytes) -> Extent | None:
    """The size in the first 10 bytes of a chunk of this kind."""
    if kind == b"VP8X" and len(data) >= 10:
        width, height = int.from_bytes(data[4:7], "little"), int.from_bytes(data[7:10], "little")
        return Extent(width + 1, height + 1)
    if kind == b"VP8L" and len(data) >= 5 and data[0] == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        return Extent((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 " and len(data) >= 10 and data[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[6:10])
        return Extent(width & 0x3FFF, height & 0x3FFF)
    return None
