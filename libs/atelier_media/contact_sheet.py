"""Contact sheets: nine frames of a clip in one picture, collected while the frames are encoded."""

from __future__ import annotations

import numpy as np
from PIL import Image

from atelier_media.errors import MediaError
from atelier_media.frame import Frame, Frames, each_frame, require_count

COLUMNS = ROWS = 3
TILE_SIDE_PX = 256
GAP_PX = 4
_GAP_GREY = 24


def evenly_spaced(frame_count: int, picks: int) -> list[int]:
    """Indices of `picks` frames from the first to the last, evenly spaced; repeated where the clip has fewer.

    Raises:
        MediaError: INVALID_FRAME_COUNT.
    """
    last = require_count(frame_count) - 1
    return [(2 * pick * last + picks - 1) // (2 * (picks - 1)) for pick in range(picks)]


class ContactSheet:
    """3×3 frames in reading order, from the first to the last. Holds the nine small frames."""

    def __init__(self, frame_count: int, tile_side_px: int = TILE_SIDE_PX) -> None:
        """Chooses the frames.

        Args:
            frame_count: Frames of the clip.
            tile_side_px: The longer side of a small frame, at most; frames are never enlarged.

        Raises:
            MediaError: INVALID_FRAME_COUNT.
        """
        self._indices = evenly_spaced(frame_count, COLUMNS * ROWS)
        self._tile_side_px = tile_side_px
        self._passed = 0
        self._tiles: list[Frame] = []

    def add(self, frames: Frames) -> None:
        """Adds the next frame (height, width, 3) or chunk (n, height, width, 3), all of one size.

        Raises:
            MediaError: INVALID_FRAME.
        """
        for frame in each_frame(frames):
            if places := self._indices.count(self._passed):
                tile = self._tile(frame)
                if self._tiles and self._tiles[0].shape != tile.shape:
                    raise MediaError("INVALID_FRAME", "the frames of a contact sheet have one size")
                self._tiles += [tile] * places
            self._passed += 1

    def picture(self) -> Frame:
        """The sheet: (height, width, 3), uint8, sRGB.

        Raises:
            MediaError: FRAMES_MISSING, one of the nine was not added yet.
        """
        if len(self._tiles) < COLUMNS * ROWS:
            raise MediaError("FRAMES_MISSING", f"{self._passed} of {self._indices[-1] + 1} frames were added")
        height_px, width_px, _ = self._tiles[0].shape
        step_x_px, step_y_px = width_px + GAP_PX, height_px + GAP_PX
        sheet = np.full((ROWS * step_y_px - GAP_PX, COLUMNS * step_x_px - GAP_PX, 3), _GAP_GREY, np.uint8)
        for place, tile in enumerate(self._tiles):
            top_px, left_px = place // COLUMNS * step_y_px, place % COLUMNS * step_x_px
            sheet[top_px : top_px + height_px, left_px : left_px + width_px] = tile
        return sheet

    def _tile(self, frame: Frame) -> Frame:
        height_px, width_px, _ = frame.shape
        scale = self._tile_side_px / max(height_px, width_px)
        if scale >= 1:
            return frame.copy()
        size = max(1, round(width_px * scale)), max(1, round(height_px * scale))
        return np.array(Image.fromarray(frame, "RGB").resize(size, Image.Resampling.LANCZOS))
