"""The moving world that the demo video model learns: one shape that crosses a plain background in one direction.

A spec holds only what a prompt can say; `place_shape` chooses the rest (exact size, path, sideways position) from the
random generator that it is given. Geometry is given in a 128 x 128 px canvas, y pointing down. Colours, outlines and
the area mean are those of the demo image model's world.

The shape comes from the side that it moves away from, so every single frame tells something about the direction.
About one clip in ten is held out (`is_held_out`): training never sees that combination.
"""

import random
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from tools.demo_image.world import COLORS, near, outline

Clip = npt.NDArray[np.uint8]  # (frames, height, width, 3)
Path = list[tuple[float, float]]  # the shape's centre in each frame

CANVAS_PX = 128
FRAMES = 16
FRAMES_PER_SECOND = 8

OUTLINES = {"ball": "circle", "triangle": "triangle"}
SHAPES = tuple(OUTLINES)
DIRECTIONS: dict[str, tuple[int, int]] = {"right": (1, 0), "left": (-1, 0), "up": (0, -1), "down": (0, 1)}

RADIUS_PX = (25.5, 27.5)
TRAVEL_PX = (61.0, 65.0)  # from the first frame to the last
JITTER_PX = 2.0  # of the path's middle, along and across


@dataclass(frozen=True)
class ClipSpec:
    """One shape of one colour that moves in one direction on a plain background of another colour."""

    shape: str
    color: str
    direction: str
    background: str


@dataclass(frozen=True)
class Placed:
    """Where a clip's shape is, in canvas pixels."""

    shape: str
    radius: float
    path: Path


def is_held_out(spec: ClipSpec) -> bool:
    """Tell whether training must not see this combination; a pure function of what the prompt says."""
    key = ("clip", spec.shape, spec.color, spec.direction, spec.background)
    return zlib.crc32("|".join(key).encode()) % 10 == 0


def all_specs() -> list[ClipSpec]:
    """Every clip that the world has (576), held out or not."""
    return [
        ClipSpec(shape, color, direction, background)
        for shape in SHAPES
        for color in COLORS
        for direction in DIRECTIONS
        for background in COLORS
        if background != color
    ]


def place_shape(spec: ClipSpec, rng: random.Random) -> Placed:
    """Choose where the shape is in each frame: a straight line through the middle, at an even speed."""
    dx, dy = DIRECTIONS[spec.direction]
    travel = rng.uniform(*TRAVEL_PX)
    x, y = (CANVAS_PX / 2 + rng.uniform(-JITTER_PX, JITTER_PX) for _ in range(2))
    steps = [travel * (frame / (FRAMES - 1) - 0.5) for frame in range(FRAMES)]
    return Placed(spec.shape, rng.uniform(*RADIUS_PX), [(x + dx * step, y + dy * step) for step in steps])


def coverage(placed: Placed, cells: int, supersampling: int) -> npt.NDArray[np.float32]:
    """The share of each of `cells` x `cells` cells that the shape hides in each frame: (frames, cells, cells)."""
    frames = []
    side = cells * supersampling
    scale = side / CANVAS_PX
    for x, y in placed.path:
        image = Image.new("L", (side, side))
        points = outline(OUTLINES[placed.shape], x * scale, y * scale, placed.radius * scale)
        ImageDraw.Draw(image).polygon(points, fill=255)
        frames.append(np.asarray(image.reduce(supersampling), dtype=np.float32) / np.float32(255))
    return np.stack(frames)


def colored(spec: ClipSpec, hidden: npt.NDArray[np.float32], rng: random.Random) -> npt.NDArray[np.float32]:
    """Colour coverage masks as the spec says: (frames, cells, cells, 3) of 0 to 255."""
    color = np.array(near(COLORS[spec.color], rng), dtype=np.float32)
    background = np.array(near(COLORS[spec.background], rng), dtype=np.float32)
    return background + hidden[..., None] * (color - background)


def draw(spec: ClipSpec, rng: random.Random) -> Clip:
    """Draw one clip of `spec` as (16, 128, 128, 3) pixels with smooth edges."""
    hidden = coverage(place_shape(spec, rng), CANVAS_PX, supersampling=4)
    return np.rint(colored(spec, hidden, rng)).astype(np.uint8)
