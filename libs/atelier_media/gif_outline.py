"""GIF outlines: size, frames, delays and comment, read block by block without decoding a pixel.

Source: CompuServe, Graphics Interchange Format, version 89a (1990), sections 18 to 27.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from atelier_media.errors import ClipReadError

SIGNATURES = (b"GIF87a", b"GIF89a")
TRAILER = b"\x3b"

_EXTENSION, _IMAGE = b"\x21", b"\x2c"
_CONTROL_LABEL, _COMMENT_LABEL = b"\xf9", b"\xfe"
_MAX_COMMENT_BYTES = 1 << 20
# Browsers and FFmpeg show a frame whose delay is shorter than this for a tenth of a second.
_MIN_DELAY_CS, _DEFAULT_DELAY_CS = 2, 10


@dataclass(frozen=True, slots=True)
class GifOutline:
    """The outline of a GIF.

    Attributes:
        duration_cs: Hundredths of a second, as browsers play it.
        comment: The last comment extension; None when there is none.
        trailer_offset: Byte offset of the trailer.
        last_delay_offset: Byte offset of the last frame's delay (two bytes, little-endian); None when it has none.
    """

    width_px: int
    height_px: int
    frame_count: int
    duration_cs: int
    comment: str | None
    trailer_offset: int
    last_delay_offset: int | None


def read_gif_outline(file: BinaryIO, max_frames: int) -> GifOutline:
    """Reads a GIF from its beginning to the trailer.

    Raises:
        ClipReadError: NOT_A_CLIP (no GIF, or one without a frame), CLIP_DAMAGED (it ends or is invalid before the
            trailer), CLIP_TOO_LARGE (more than `max_frames`, or more than a mebibyte of comment).
    """
    file.seek(0)
    header = file.read(13)
    if len(header) < 13 or header[:6] not in SIGNATURES:
        raise ClipReadError("NOT_A_CLIP", "no GIF")
    width_px, height_px, flags = struct.unpack_from("<HHB", header, 6)
    _skip_colours(file, flags)
    frame_count = duration_cs = 0
    comment: str | None = None
    delay_cs, delay_offset, last_delay_offset = 0, None, None
    while (kind := _read(file, 1)) != TRAILER:
        if kind == _IMAGE:
            _skip_colours(file, _read(file, 9)[8])
            _read(file, 1)  # how many bits LZW begins with
            _skip_blocks(file)
            frame_count += 1
            if frame_count > max_frames:
                raise ClipReadError("CLIP_TOO_LARGE", f"more than {max_frames} frames")
            duration_cs += delay_cs if delay_cs >= _MIN_DELAY_CS else _DEFAULT_DELAY_CS
            delay_cs, delay_offset, last_delay_offset = 0, None, delay_offset
        elif kind == _EXTENSION:
            label = _read(file, 1)
            if label == _CONTROL_LABEL:
                delay_offset = file.tell() + 2
                (delay_cs,) = struct.unpack_from("<H", _read(file, 5), 2)
                _skip_blocks(file)
            elif label == _COMMENT_LABEL:
                comment = _read_blocks(file).decode("utf-8", "replace")
            else:
                _skip_blocks(file)
        else:
            raise ClipReadError("CLIP_DAMAGED", f"the GIF breaks after {frame_count} frames")
    if not frame_count:
        raise ClipReadError("NOT_A_CLIP", "a GIF without a frame")
    trailer_offset = file.tell() - 1
    return GifOutline(width_px, height_px, frame_count, duration_cs, comment, trailer_offset, last_delay_offset)


def complete_gif(file: BinaryIO, last_delay_cs: int, comment: str) -> None:
    """Sets the delay of the last frame, and appends a comment.

    Args:
        file: Open for reading and writing; its last frame must have a delay.
        last_delay_cs: Hundredths of a second.
        comment: Written as the last block, unless it is empty.
    """
    outline = read_gif_outline(file, max_frames=1 << 30)
    assert outline.last_delay_offset is not None
    file.seek(outline.last_delay_offset)
    file.write(struct.pack("<H", last_delay_cs))
    if comment:
        file.seek(outline.trailer_offset)
        file.write(_EXTENSION + _COMMENT_LABEL)
        data = comment.encode("utf-8")
        for start in range(0, len(data), 255):
            block = data[start : start + 255]
            file.write(bytes([len(block)]) + block)
        file.write(b"\x00" + TRAILER)


def _read(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise ClipReadError("CLIP_DAMAGED", "the GIF ends before its trailer")
    return data


def _skip_colours(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), 1)


def _skip_blocks(file: BinaryIO) -> None:
    while size := _read(file, 1)[0]:
        file.seek(size, 1)


def _read_blocks(file: BinaryIO) -> bytes:
    data = bytearray()
    while size := _read(file, 1)[0]:
        data += _read(file, size)
        if len(data) > _MAX_COMMENT_BYTES:
            raise ClipReadError("CLIP_TOO_LARGE", "more than a mebibyte of comment")
    return bytes(data)
