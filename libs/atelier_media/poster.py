"""The one frame that stands for a clip, picked while the frames pass."""

from __future__ import annotations

from atelier_media.errors import MediaError
from atelier_media.frame import Frame, Frames, each_frame, require_count


class Poster:
    """The middle frame of `frame_count`: the first one often shows too little yet. Holds that one."""

    def __init__(self, frame_count: int) -> None:
        """Raises `MediaError` INVALID_FRAME_COUNT."""
        self._index = require_count(frame_count) // 2
        self._passed = 0
        self._frame: Frame | None = None

    def add(self, frames: Frames) -> None:
        """The next frame or chunk. Raises `MediaError` INVALID_FRAME."""
        for frame in each_frame(frames):
            if self._passed == self._index:
                # A copy: a view would keep the whole chunk.
                self._frame = frame.copy()
            self._passed += 1

    def picture(self) -> Frame:
        """Raises `MediaError` FRAMES_MISSING while the frame has not come by."""
        if self._frame is None:
            raise MediaError("FRAMES_MISSING", f"{self._passed} frames came; the poster is frame {self._index}")
        return self._frame
