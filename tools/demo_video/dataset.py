"""Training clips without end, drawn faster than a training step needs them.

The model's latents hold an 8-fold area mean of each frame (`tools.demo_image.autoencoder.latents_of`), so that is all
that training draws: a bank of coverage masks, drawn once, is coloured anew for every sample.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.demo_video import world
from tools.demo_video.prompts import varied_prompt
from tools.demo_video.world import ClipSpec

CELL_PX = 8
CELLS = world.CANVAS_PX // CELL_PX
_SUPERSAMPLING = 32  # 4 x 4 points a pixel of a frame

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    """Samples as training reads them."""

    thumbs: Floats  # (samples, 16 frames, 3, 16, 16) in [-1, 1]
    prompts: list[str]
    centres: Floats  # (samples, 16 frames, 2): where the shape is, x and y, -1 to 1 over the canvas


class Dataset:
    """Draws clips of the given specs, each shape as often as its weight says."""

    def __init__(
        self, seed: int, specs: Sequence[ClipSpec], shape_weights: Sequence[float] = (1, 1), masks_each: int = 80
    ) -> None:
        self._rng = random.Random(seed)
        self._specs = list(specs)
        self._weights = [shape_weights[world.SHAPES.index(spec.shape)] for spec in specs]
        self._masks: dict[tuple[str, str], list[tuple[Floats, Floats]]] = {}
        for spec in specs:
            if (spec.shape, spec.direction) not in self._masks:
                self._masks[spec.shape, spec.direction] = [self._mask(spec) for _ in range(masks_each)]

    def batch(self, size: int) -> Batch:
        """Draw `size` samples."""
        specs = self._rng.choices(self._specs, self._weights, k=size)
        masks = [self._rng.choice(self._masks[spec.shape, spec.direction]) for spec in specs]
        clips = [world.colored(spec, hidden, self._rng) for spec, (hidden, _) in zip(specs, masks, strict=True)]
        thumbs = np.ascontiguousarray(np.stack(clips).transpose(0, 1, 4, 2, 3) / np.float32(127.5) - 1)
        prompts = [varied_prompt(spec, self._rng) for spec in specs]
        return Batch(thumbs, prompts, np.stack([centres for _, centres in masks]))

    def _mask(self, spec: ClipSpec) -> tuple[Floats, Floats]:
        placed = world.place_shape(spec, self._rng)
        centres = np.array(placed.path, dtype=np.float32) / (world.CANVAS_PX / 2) - 1
        return world.coverage(placed, CELLS, _SUPERSAMPLING), centres


def training_specs() -> list[ClipSpec]:
    """Everything that is not held out."""
    return [spec for spec in world.all_specs() if not world.is_held_out(spec)]
