"""Posters: the one frame that represents a clip, picked while the frames are encoded."""

from __future__ import annotations

from atelier_media.errors import MediaError
from atelier_media.frame import Frame, Frames, each_frame, require_count


class Poster:
    """The middle frame of a clip: the first one often shows too little. Holds one frame."""

    def __init__(self, frame_count: int) -> None:
        """Chooses the frame of a clip of `frame_count` frames.

        Raises:
            MediaError: INVALID_FRAME_COUNT.
        """
        self._index = require_count(frame_count) // 2
        self._passed = 0
        self._frame: Frame | None = None

    def add(self, frames: Frames) -> None:
        """Adds the next frame (height, width, 3) or chunk (n, height, width, 3).

        Raises:
            MediaError: INVALID_FRAME.
        """
        for frame in each_frame(frames):
            if self._passed == self._index:
                # A copy: a view would hold the whole chunk.
                self._frame = frame.copy()
            self._passed += 1

    def picture(self) -> Frame:
        """The frame: (height, width, 3), uint8, sRGB.

        Raises:
            MediaError: FRAMES_MISSING, the frame was not added yet.
        """
        if self._frame is None:
            raise MediaError("FRAMES_MISSING", f"{self._passed} frames were added; the poster is frame {self._index}")
        return self._frame
