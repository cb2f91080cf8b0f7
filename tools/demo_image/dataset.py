"""Training pictures without end, drawn faster than a training step needs them.

The model's latents hold a 32 x 32 px area mean of the picture (see `autoencoder.py`), so that is all that training
draws. A flat shape is background + coverage * (colour - background), where coverage is the share of each cell that
the shape hides: a bank of coverage masks, drawn once, is coloured anew for every sample. Scenes are drawn once.
"""

import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from tools.demo_image import world
from tools.demo_image.prompts import varied_prompt
from tools.demo_image.world import ShapeSpec

THUMB_PX = 32
_SUPERSAMPLING = 4  # 4 x 4 points a pixel of a 256 px picture, 1,024 a cell of the thumb

Thumbs = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Mix:
    """Relative weights of what is drawn."""

    scene: float = 0.2
    shapes: tuple[float, ...] = (1.0, 1.0, 1.0, 1.5, 1.0, 1.0)
    sizes: tuple[float, ...] = (0.44, 0.2, 0.36)


class Dataset:
    """Draws (thumb, prompt) pairs of everything that is not held out."""

    def __init__(self, seed: int, mix: Mix, masks_each: int = 300, scenes_each: int = 40) -> None:
        self._rng = random.Random(seed)
        self._mix = mix
        self._masks = {
            (shape, size): [_coverage(shape, size, self._rng) for _ in range(masks_each)]
            for shape in world.SHAPES
            for size in world.SIZES
        }
        self._scenes = [
            (spec, world.shrink(world.draw(spec, self._rng), world.CANVAS_PX // THUMB_PX))
            for spec in world.all_scene_specs()
            if not world.is_held_out(spec)
            for _ in range(scenes_each)
        ]

    def batch(self, size: int) -> tuple[Thumbs, list[str]]:
        """Draw `size` samples: thumbs (size, 3, 32, 32) in [-1, 1], and their prompts."""
        samples = [self._sample() for _ in range(size)]
        thumbs = np.stack([thumb for thumb, _ in samples]).transpose(0, 3, 1, 2)
        return np.ascontiguousarray(thumbs / 127.5 - 1, dtype=np.float32), [prompt for _, prompt in samples]

    def _sample(self) -> tuple[Thumbs, str]:
        spec: world.Spec
        if self._rng.random() < self._mix.scene:
            spec, pixels = self._rng.choice(self._scenes)
            thumb = pixels.astype(np.float32)
        else:
            spec = self._shape_spec()
            coverage = self._rng.choice(self._masks[spec.shape, spec.size])[..., None]
            color = np.array(world.near(world.COLORS[spec.color], self._rng), dtype=np.float32)
            background = np.array(world.near(world.COLORS[spec.background], self._rng), dtype=np.float32)
            thumb = background + coverage * (color - background)
        return thumb, varied_prompt(spec, self._rng)

    def _shape_spec(self) -> ShapeSpec:
        while True:
            color, background = self._rng.sample(list(world.COLORS), 2)
            (shape,) = self._rng.choices(world.SHAPES, self._mix.shapes)
            (size,) = self._rng.choices(world.SIZES, self._mix.sizes)
            spec = ShapeSpec(shape, color, background, size)
            if not world.is_held_out(spec):
                return spec


def _coverage(shape: str, size: str, rng: random.Random) -> Thumbs:
    """The share of each of 32 x 32 cells that a shape hides, in [0, 1]."""
    side = world.CANVAS_PX * _SUPERSAMPLING
    image = Image.new("L", (side, side))
    points = world.outline(*world.place_shape(ShapeSpec(shape, "", "", size), rng))
    ImageDraw.Draw(image).polygon([(x * _SUPERSAMPLING, y * _SUPERSAMPLING) for x, y in points], fill=255)
    return np.asarray(image.reduce(side // THUMB_PX), dtype=np.float32) / np.float32(255)
