"""Frames become parts, as they come."""

from __future__ import annotations

from atelier_media.frame import Frames, each_frame
from atelier_media.frame_part import PART_FRAMES, EncodedFrame, FramePart, encode_part_frame, join_frames

# 16 frames of 1024 px: 48 MiB before they are encoded.
MOST_PART_PX = 16 * 1024 * 1024


def frames_per_part(width_px: int, height_px: int) -> int:
    """How many frames of a size go into one file: 16, and fewer where it would become too large to be held at once."""
    return max(1, min(PART_FRAMES, MOST_PART_PX // (width_px * height_px)))


class FrameParts:
    """Gathers the frames of a clip into parts of `frames_per_part`; only the last one may have fewer.

    Holds less than a part, encoded.
    Blocking and not thread-safe: one thread at a time, never the event loop.
    """

    def __init__(self, width_px: int, height_px: int) -> None:
        self._size_px = width_px, height_px
        self._full = frames_per_part(width_px, height_px)
        self._first_index = 0
        self._encoded: list[EncodedFrame] = []

    def add(self, frames: Frames) -> list[FramePart]:
        """The next frame or chunk; answers the parts that it completes.

        Raises `MediaError` INVALID_FRAME, before any frame of the chunk is taken, and `ClipWriteError` INVALID_SIZE.
        """
        parts: list[FramePart] = []
        for frame in each_frame(frames, self._size_px):
            self._encoded.append(encode_part_frame(frame))
            if len(self._encoded) == self._full:
                parts.append(self._take_part())
        return parts

    def finish(self) -> list[FramePart]:
        """The part of those that are left, if any are; nothing can be added afterwards."""
        return [self._take_part()] if self._encoded else []

    def _take_part(self) -> FramePart:
        part = FramePart(self._first_index, len(self._encoded), join_frames(self._encoded, self._size_px))
        self._first_index += part.frames
        self._encoded = []
        return part
