"""GIF palettes: one palette is used for as many frames as it fits, so that still areas do not flicker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from atelier_media.frame import Frame

# The 256th entry means "as before" and is never a colour.
PALETTE_COLOURS = 255
TRANSPARENT_INDEX = 255

# A new palette is made when the mean squared error (over all channels) of a frame exceeds that of the frame for which
# the palette was made by this much, …
_MEAN_GROWTH, _MEAN_SLACK = 1.5, 2.0
# … or when that many more of its pixels are clearly wrong: a small object of a new colour hardly changes the mean.
_WRONG_DISTANCE = 40
_WRONG_SHARE = 0.0005

# Height × width, uint8: which entry of the palette each pixel has.
Indices = NDArray[np.uint8]
# 256 × 4, uint8: alpha, red, green, blue.
PaletteEntries = NDArray[np.uint8]


class Palette:
    """255 colours for one frame (median cut, refined by k-means) and for similar ones.

    A frame of 255 colours or fewer loses next to nothing: Pillow merges some very close ones. No dithering: in moving
    pictures it looks like moving noise.
    """

    def __init__(self, frame: Frame) -> None:
        self._image = Image.fromarray(frame, "RGB").quantize(
            PALETTE_COLOURS, Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE
        )
        drawn = np.array(self._image.getpalette("RGB"), np.uint8).reshape(-1, 3)[:PALETTE_COLOURS]
        self._colours = np.zeros((256, 3), np.uint8)
        self._colours[: len(drawn)] = drawn
        self.entries: PaletteEntries = np.full((256, 4), 255, np.uint8)
        self.entries[:, 1:] = self._colours
        self.entries[TRANSPARENT_INDEX] = 0
        _, self._mean, self._wrong = self._measure(frame)

    def indices(self, frame: Frame) -> Indices | None:
        """The frame in these colours; None when it needs a palette of its own."""
        indices, mean, wrong = self._measure(frame)
        fits = mean <= self._mean * _MEAN_GROWTH + _MEAN_SLACK and wrong <= self._wrong + _WRONG_SHARE
        return indices if fits else None

    def _measure(self, frame: Frame) -> tuple[Indices, float, float]:
        """Indices, mean squared error, share of pixels that are clearly wrong."""
        image = Image.fromarray(frame, "RGB").quantize(palette=self._image, dither=Image.Dither.NONE)
        indices = np.asarray(image, np.uint8)
        # Pillow fills its palette up with black, which is the same colour as the entries left empty here.
        indices = np.where(indices == TRANSPARENT_INDEX, np.uint8(TRANSPARENT_INDEX - 1), indices)
        errors = self._colours[indices].astype(np.int32) - frame
        distances = np.square(errors).sum(axis=-1)
        return indices, float(distances.mean() / 3), float((distances > _WRONG_DISTANCE**2).mean())


class PaletteMapper:
    """Maps frames to palettes, and makes a new palette when the last one does not fit."""

    def __init__(self) -> None:
        self._palette: Palette | None = None

    def map(self, frame: Frame) -> tuple[Indices, PaletteEntries]:
        """The frame's indices, and the palette that they refer to."""
        indices = None if self._palette is None else self._palette.indices(frame)
        if self._palette is None or indices is None:
            self._palette = Palette(frame)
            indices = self._palette.indices(frame)
            assert indices is not None
        return indices, self._palette.entries
