"""Frames and chunks of frames as numpy arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from atelier_media.errors import MediaError

Frame: TypeAlias = NDArray[np.uint8]
"""(height, width, 3), uint8, sRGB; C-contiguous where this library returns it."""

Frames: TypeAlias = NDArray[np.uint8]
"""One frame, or a chunk (n, height, width, 3) of n consecutive frames."""


def each_frame(frames: Frames, size_px: tuple[int, int] | None = None) -> Iterator[Frame]:
    """Iterates over frames, as views where the memory is contiguous already.

    Args:
        frames: One frame or a chunk.
        size_px: The (width, height) that the frames must have; None admits any.

    Raises:
        MediaError: INVALID_FRAME, before the first frame is returned.
    """
    if frames.ndim not in (3, 4) or frames.shape[-1] != 3 or frames.dtype != np.uint8 or 0 in frames.shape[-3:]:
        message = f"expected (height, width, 3) or (n, height, width, 3) of uint8, got {frames.shape} of {frames.dtype}"
        raise MediaError("INVALID_FRAME", message)
    height_px, width_px = frames.shape[-3:-1]
    if size_px is not None and size_px != (width_px, height_px):
        raise MediaError("INVALID_FRAME", f"expected {size_px[0]}×{size_px[1]} px, got {width_px}×{height_px} px")
    chunk = frames if frames.ndim == 4 else frames[np.newaxis]
    return (np.ascontiguousarray(frame) for frame in chunk)


def require_count(frame_count: int) -> int:
    """Returns `frame_count` if it is at least 1.

    Raises:
        MediaError: INVALID_FRAME_COUNT.
    """
    if frame_count < 1:
        raise MediaError("INVALID_FRAME_COUNT", f"a clip has at least one frame, not {frame_count}")
    return frame_count
