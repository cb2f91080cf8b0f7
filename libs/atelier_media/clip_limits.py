"""Size limits of clips that are opened."""

from __future__ import annotations

from dataclasses import dataclass

from atelier_media.errors import ClipReadError


@dataclass(frozen=True, slots=True)
class ClipLimits:
    """Limits that are checked before any frame is decoded.

    Attributes:
        frame_px: Width × height.
        frame_count: Frames of a clip.
        total_px: Width × height × frames.
    """

    frame_px: int = 4096 * 2304
    frame_count: int = 36_000
    total_px: int = 1 << 35

    def require_size(self, width_px: int, height_px: int) -> None:
        """Checks the size of a frame.

        Raises:
            ClipReadError: CLIP_TOO_LARGE.
        """
        if width_px * height_px > self.frame_px:
            raise ClipReadError("CLIP_TOO_LARGE", f"{width_px}×{height_px} px, of {self.frame_px} px at most")

    def require_count(self, width_px: int, height_px: int, frame_count: int) -> None:
        """Checks the number of frames, and all pixels together.

        Raises:
            ClipReadError: CLIP_TOO_LARGE.
        """
        if frame_count > self.frame_count:
            raise ClipReadError("CLIP_TOO_LARGE", f"{frame_count} frames, of {self.frame_count} at most")
        if width_px * height_px * frame_count > self.total_px:
            message = f"{frame_count} frames of {width_px}×{height_px} px, of {self.total_px} px in all at most"
            raise ClipReadError("CLIP_TOO_LARGE", message)
