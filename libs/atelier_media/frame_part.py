"""Frame parts: up to 16 consecutive frames of a clip in one lossless file, each of which is decoded by itself.

The file is an animated WebP, which browsers show, but each frame in it is a complete lossless picture: none refers to
another, so one is decoded without the others, and equal frames are stored as often as they occur. Pillow's writer of
animations guarantees neither.

Source: RFC 9649, sections 2.3 to 2.7.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NewType

import numpy as np
from PIL import Image

from atelier_media.clip_limits import ClipLimits
from atelier_media.errors import ClipReadError, ClipWriteError, MediaError
from atelier_media.frame import Frame, Frames, each_frame

PART_FRAMES = 16
PART_CONTENT_TYPE = "image/webp"
# 16 frames of 1024 px: 48 MiB before they are encoded.
MOST_PART_PX = 16 * 1024 * 1024
# The limit of a lossless WebP.
_MAX_SIDE_PX = 16383
# Also for writing: what is written can be read.
_LIMITS = ClipLimits()

EncodedFrame = NewType("EncodedFrame", bytes)
"""One encoded frame: a VP8L chunk with its header and padding."""

_RIFF = struct.Struct("<4sI4s")
_CHUNK = struct.Struct("<4sI")
_ANIMATED = 0x02
# Overwrite the canvas instead of blending.
_NO_BLEND = 0x02
_FRAME_TIME_MS = 125  # a part has no rate, but a browser plays it


@dataclass(frozen=True, slots=True)
class FramePart:
    """A file, `data`, with `frames` frames of the clip from `first_index` on."""

    first_index: int
    frames: int
    data: bytes


def encode_frame_part(frames: Frames) -> bytes:
    """Encodes one part; equal frames return equal bytes.

    Args:
        frames: One frame (height, width, 3), or up to 16 (n, height, width, 3); uint8, sRGB.

    Raises:
        MediaError: INVALID_FRAME or INVALID_FRAME_COUNT.
        ClipWriteError: INVALID_SIZE.
    """
    height_px, width_px = frames.shape[-3:-1] if frames.ndim >= 3 else (0, 0)
    return join_frames([encode_part_frame(frame) for frame in each_frame(frames)], (width_px, height_px))


def decode_frame(part: bytes, index: int) -> Frame:
    """Decodes frame `index` of a part, from 0, bit for bit as it was encoded; no other frame is decoded.

    Returns:
        (height, width, 3), uint8, sRGB.

    Raises:
        ClipReadError: NOT_A_CLIP, CLIP_TOO_LARGE, CLIP_DAMAGED or FRAME_NOT_FOUND.
    """
    file = io.BytesIO(cut_frame(part, index))
    try:
        with Image.open(file, formats=["WEBP"]) as image:
            return np.array(image.convert("RGB"))
    except (OSError, EOFError) as error:
        raise ClipReadError("CLIP_DAMAGED", f"frame {index} cannot be decoded") from error


def cut_frame(part: bytes, index: int) -> bytes:
    """Copies frame `index` of a part into a lossless WebP file of its own, without decoding it.

    Raises:
        ClipReadError: As `decode_frame`.
    """
    chunks = _chunks(part)
    size_px = _canvas_px(next(chunks, None))
    frames = [content for kind, content in chunks if kind == b"ANMF"]
    if not 1 <= len(frames) <= PART_FRAMES:
        raise ClipReadError("CLIP_DAMAGED", f"a part has 1 to {PART_FRAMES} frames, not {len(frames)}")
    if not 0 <= index < len(frames):
        raise ClipReadError("FRAME_NOT_FOUND", f"there are {len(frames)} frames, counted from 0")
    picture = bytes(frames[index][16:])
    if _picture_size_px(picture) != size_px:
        raise ClipReadError("CLIP_DAMAGED", f"frame {index} is no picture of {size_px[0]}×{size_px[1]} px")
    return _file([picture])


def encode_part_frame(frame: Frame) -> EncodedFrame:
    """Encodes one frame (height, width, 3) for `join_frames`.

    Raises:
        MediaError: INVALID_FRAME.
        ClipWriteError: INVALID_SIZE.
    """
    if frame.ndim != 3:
        raise MediaError("INVALID_FRAME", f"expected one frame, got {frame.shape}")
    (pixels,) = each_frame(frame)
    height_px, width_px, _ = pixels.shape
    if max(height_px, width_px) > _MAX_SIDE_PX or height_px * width_px > _LIMITS.frame_px:
        message = f"{width_px}×{height_px} px, of {_MAX_SIDE_PX} px a side and {_LIMITS.frame_px} px in all at most"
        raise ClipWriteError("INVALID_SIZE", message)
    target = io.BytesIO()
    # More effort (method) takes twice to four times as long and saves one per cent on pictures of a camera or a model.
    Image.fromarray(pixels, "RGB").save(target, "WEBP", lossless=True, method=1, quality=0)
    return EncodedFrame(target.getvalue()[_RIFF.size :])


def join_frames(frames: Sequence[EncodedFrame], size_px: tuple[int, int]) -> bytes:
    """Joins 1 to 16 encoded frames, all of `size_px` (width, height), into a part.

    Raises:
        MediaError: INVALID_FRAME_COUNT.
    """
    if not 1 <= len(frames) <= PART_FRAMES:
        raise MediaError("INVALID_FRAME_COUNT", f"a part has 1 to {PART_FRAMES} frames, not {len(frames)}")
    sides = b"".join((side_px - 1).to_bytes(3, "little") for side_px in size_px)
    place = bytes(6) + sides + _FRAME_TIME_MS.to_bytes(3, "little") + bytes([_NO_BLEND])
    chunks = [_chunk(b"VP8X", bytes([_ANIMATED, 0, 0, 0]) + sides), _chunk(b"ANIM", bytes(6))]
    return _file(chunks + [_chunk(b"ANMF", place + frame) for frame in frames])


def frames_per_part(width_px: int, height_px: int) -> int:
    """How many frames of a size go into one part: 16, fewer where the part would be too large for memory."""
    return max(1, min(PART_FRAMES, MOST_PART_PX // (width_px * height_px)))


class FrameParts:
    """Collects the frames of a clip into parts of `frames_per_part` frames; only the last one may have fewer.

    Holds less than one part, encoded. Blocking and not thread-safe: one thread at a time, never the event loop.
    """

    def __init__(self, width_px: int, height_px: int) -> None:
        self._size_px = width_px, height_px
        self._full = frames_per_part(width_px, height_px)
        self._first_index = 0
        self._encoded: list[EncodedFrame] = []

    def add(self, frames: Frames) -> list[FramePart]:
        """Adds the next frame (height, width, 3) or chunk (n, height, width, 3).

        Returns:
            The parts that it completes.

        Raises:
            MediaError: INVALID_FRAME, before any frame of the chunk is added.
            ClipWriteError: INVALID_SIZE.
        """
        parts: list[FramePart] = []
        for frame in each_frame(frames, self._size_px):
            self._encoded.append(encode_part_frame(frame))
            if len(self._encoded) == self._full:
                parts.append(self._take_part())
        return parts

    def finish(self) -> list[FramePart]:
        """The part of the remaining frames, if there are any; nothing can be added afterwards."""
        return [self._take_part()] if self._encoded else []

    def _take_part(self) -> FramePart:
        part = FramePart(self._first_index, len(self._encoded), join_frames(self._encoded, self._size_px))
        self._first_index += part.frames
        self._encoded = []
        return part


def _file(chunks: Sequence[bytes]) -> bytes:
    return b"".join([_RIFF.pack(b"RIFF", 4 + sum(map(len, chunks)), b"WEBP"), *chunks])


def _chunk(kind: bytes, content: bytes) -> bytes:
    # An encoded frame is padded already: every content here is even.
    return _CHUNK.pack(kind, len(content)) + content


def _chunks(part: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and content of each chunk of the file."""
    view = memoryview(part)
    if len(view) < _RIFF.size:
        raise ClipReadError("NOT_A_CLIP", "no WebP")
    riff, length, webp = _RIFF.unpack_from(view)
    if (riff, webp) != (b"RIFF", b"WEBP"):
        raise ClipReadError("NOT_A_CLIP", "no WebP")
    if 8 + length != len(view):
        raise ClipReadError("CLIP_DAMAGED", "the file ends too early")
    at = _RIFF.size
    while at < len(view):
        if at + _CHUNK.size > len(view):
            raise ClipReadError("CLIP_DAMAGED", "a chunk ends too early")
        kind, length = _CHUNK.unpack_from(view, at)
        at += _CHUNK.size
        if at + length > len(view):
            raise ClipReadError("CLIP_DAMAGED", "a chunk ends too early")
        yield kind, view[at : at + length]
        at += length + length % 2


def _canvas_px(first: tuple[bytes, memoryview] | None) -> tuple[int, int]:
    """Width and height in the first chunk, within the limits."""
    if first is None or first[0] != b"VP8X" or len(first[1]) != 10 or not first[1][0] & _ANIMATED:
        raise ClipReadError("NOT_A_CLIP", "WebP without an animation")
    width_px, height_px = (1 + int.from_bytes(first[1][at : at + 3], "little") for at in (4, 7))
    _LIMITS.require_size(width_px, height_px)
    return width_px, height_px


def _picture_size_px(chunk: bytes) -> tuple[int, int] | None:
    """Width and height in a VP8L chunk; None when it is not one, and nothing but one."""
    if len(chunk) < _CHUNK.size + 5 or chunk[:4] != b"VP8L" or chunk[8] != 0x2F:
        return None
    _, length = _CHUNK.unpack_from(chunk)
    if len(chunk) != _CHUNK.size + length + length % 2:
        return None
    (bits,) = struct.unpack_from("<I", chunk, 9)
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
