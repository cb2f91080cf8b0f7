"""The colours of a GIF: one palette serves as many frames as it fits, so that what stands still does not flicker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from atelier_media.frame import Frame

# The 256th entry says "as before" and never stands for a colour.
PALETTE_COLOURS = 255
TRANSPARENT_INDEX = 255

# A new palette is drawn when the mean squared error (over all channels) of a frame exceeds that of the frame for which
# the palette was drawn by this much, …
_MEAN_GROWTH, _MEAN_SLACK = 1.5, 2.0
# … or when that many more of its pixels are plainly wrong: a small thing of a new colour hardly moves the mean.
_WRONG_DISTANCE = 40
_WRONG_SHARE = 0.0005

# Height × width, uint8: which entry of the palette each pixel has.
Indices = NDArray[np.uint8]
# 256 × 4, uint8: alpha, red, green, blue.
PaletteEntries = NDArray[np.uint8]


class Palette:
    """255 colours for one frame (median cut, refined by k-means) and for those that look like it.

    A frame of 255 colours or fewer loses next to nothing: Pillow takes some very close ones for one. No dithering: on
    moving pictures it looks like noise that moves too.
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
        """The frame in these colours; None when it deserves colours of its own."""
        indices, mean, wrong = self._measure(frame)
        fits = mean <= self._mean * _MEAN_GROWTH + _MEAN_SLACK and wrong <= self._wrong + _WRONG_SHARE
        return indices if fits else None

    def _measure(self, frame: Frame) -> tuple[Indices, float, float]:
        """Indices, mean squared error, share of pixels that are plainly wrong."""
        image = Image.fromarray(frame, "RGB").quantize(palette=self._image, dither=Image.Dither.NONE)
        indices = np.asarray(image, np.uint8)
        # Pillow fills its palette up with black, which is the same colour as the entries left empty here.
        indices = np.where(indices == TRANSPARENT_INDEX, np.uint8(TRANSPARENT_INDEX - 1), indices)
        errors = self._colours[indices].astype(np.int32) - frame
        distances = np.square(errors).sum(axis=-1)
        return indices, float(distances.mean() / 3), float((distances > _WRONG_DISTANCE**2).mean())


class PaletteMapper:
    """Draws a new palette when the one before serves no more."""

    def __init__(self) -> None:
        self._palette: Palette | None = None

    def map(self, frame: Frame) -> tuple[Indices, PaletteEntries]:
        """The frame's indices and the palette that they mean."""
        indices = None if self._palette is None else self._palette.indices(frame)
        if self._palette is None or indices is None:
            self._palette = Palette(frame)
            indices = self._palette.indices(frame)
            assert indices is not None
        return indices, self._palette.entries
