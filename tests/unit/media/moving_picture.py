"""Frames for tests: a disc that moves over a gradient, and patches of one colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from atelier_media.clip_format import ClipFormat
from atelier_media.clip_writer import ClipWriter
from atelier_media.frame import Frame, Frames

PARAMETERS = {"prompt": "ein rotes Boot – 船", "seed": 7, "guidance_scale": 3.5, "metadata": {"a": "b"}}

# Name: red, green, blue.
COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "grey": (128, 128, 128),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
}


def moving_frame(index: int, width_px: int = 64, height_px: int = 48) -> Frame:
    """A white disc on a gradient, and the index as a bar code of eight blocks: no two frames in 256 look alike."""
    y, x = np.mgrid[0:height_px, 0:width_px]
    frame = np.stack([x * 200 // width_px, y * 200 // height_px, np.full_like(x, 60)], axis=-1).astype(np.uint8)
    centre_x, centre_y = (index * 2) % width_px, height_px / 2 + height_px / 5 * np.sin(index / 5)
    frame[(x - centre_x) ** 2 + (y - centre_y) ** 2 < (height_px / 6) ** 2] = 230
    block_px = width_px // 8
    for bit in range(8):
        frame[:block_px, bit * block_px : (bit + 1) * block_px] = 255 if index >> bit & 1 else 0
    return frame


def moving_frames(count: int, width_px: int = 64, height_px: int = 48) -> Frames:
    """`count` of them as one chunk."""
    return np.stack([moving_frame(index, width_px, height_px) for index in range(count)])


def read_index(frame: Frame) -> int:
    """The index that `moving_frame` drew."""
    block_px = frame.shape[1] // 8
    middle = block_px // 2
    return sum(1 << bit for bit in range(8) if frame[middle, bit * block_px + middle].mean() > 127)


def patches() -> Frame:
    """The colours side by side, 32×32 px each."""
    return np.repeat(np.repeat(np.array([list(COLOURS.values())], np.uint8), 32, axis=0), 32, axis=1)


def patch_centres(frame: Frame) -> dict[str, tuple[int, ...]]:
    """The colour in the middle of each patch."""
    return {name: tuple(frame[16, 16 + 32 * place].tolist()) for place, name in enumerate(COLOURS)}


def write_clip(path: Path, clip_format: ClipFormat, frames: Frames) -> Path:
    """The whole clip at once."""
    with ClipWriter(path, clip_format) as writer:
        writer.write(frames)
    return path
