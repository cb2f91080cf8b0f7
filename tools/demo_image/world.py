"""The drawn world that the demo image model learns: what can be asked for, in which words, and how it looks.

Two kinds of pictures exist, both flat: one shape on a plain background (`ShapeSpec`) and a small landscape
(`SceneSpec`). A spec holds only what a prompt can say; `draw` chooses the rest (position, exact size, small changes
of colour) from the random generator that it is given. Geometry is given in a 256 x 256 px canvas, y pointing down.

About one shape in ten and one scene in six are held out (`is_held_out`): training never sees that combination, so a
picture that fits such a prompt shows that the model composes rather than remembers.
"""

import math
import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Rgb = tuple[int, int, int]
Pixels = npt.NDArray[np.uint8]
Point = tuple[float, float]

CANVAS_PX = 256

COLORS: dict[str, Rgb] = {
    "red": (220, 40, 40),
    "orange": (245, 140, 30),
    "yellow": (250, 215, 50),
    "green": (45, 160, 70),
    "blue": (45, 90, 215),
    "purple": (130, 60, 175),
    "pink": (250, 150, 190),
    "white": (250, 250, 250),
    "black": (25, 25, 30),
}
SHAPES = ("circle", "square", "triangle", "star", "heart", "diamond")
SIZES = ("", "big", "small")  # "" is the size of a shape whose prompt names none
RADIUS_PX = {"": (57.0, 66.0), "big": (87.0, 95.0), "small": (38.0, 43.0)}
CENTRE_JITTER_PX = 6.0
COLOR_JITTER = 6

SUBJECTS = ("house", "tree", "boat", "mountains")
SUBJECT_COLORS = ("red", "yellow", "blue", "white", "purple", "orange")
TIMES = ("day", "night", "sunset")
SKY: dict[str, Rgb] = {"day": (140, 205, 250), "night": (25, 30, 80), "sunset": (250, 150, 90)}
ORBS: dict[str, Rgb] = {"day": (255, 225, 60), "night": (245, 240, 215), "sunset": (250, 80, 50)}
STARS: tuple[Point, ...] = ((20, 100), (92, 22), (108, 76), (150, 40), (190, 92), (212, 30), (238, 66))
GRASS, SEA, TRUNK, CROWN = (80, 170, 75), (35, 100, 180), (115, 75, 45), (40, 125, 55)
ROOF, MAST, SAIL = (125, 60, 45), (110, 75, 45), (250, 250, 245)
ROCKS: tuple[Rgb, Rgb] = ((120, 125, 140), (95, 100, 120))
LIGHT = {"day": 1.0, "night": 0.6, "sunset": 0.88}  # by how much the time of day dims every other colour


@dataclass(frozen=True)
class ShapeSpec:
    """One shape of one colour on a plain background of another."""

    shape: str
    color: str
    background: str
    size: str = ""


@dataclass(frozen=True)
class SceneSpec:
    """A landscape. `color` is "" for subjects that have none; `with_tree` is only ever true beside a house."""

    subject: str
    time: str
    color: str = ""
    with_tree: bool = False
    with_orb: bool = False  # sun by day and at sunset, moon at night


Spec = ShapeSpec | SceneSpec


def is_held_out(spec: Spec) -> bool:
    """Tell whether training must not see this combination; a pure function of what the prompt says.

    A shape is held out in all its sizes at once. A scene is keyed by its canonical form: attributes that a subject
    does not have are empty in the spec, so no second spelling of a held-out scene can slip into training.
    """
    if isinstance(spec, ShapeSpec):
        key = ("single", spec.shape, spec.color, spec.background)
        return _bucket(key, 10) == 0
    if not spec.color:
        return _bucket(("held", spec.subject, spec.time, str(spec.with_orb)), 6) == 0
    return _bucket(("held", spec.subject, spec.color, spec.time, str(spec.with_tree)), 6) == 0


def _bucket(key: Sequence[str], buckets: int) -> int:
    return zlib.crc32("|".join(key).encode()) % buckets


def all_shape_specs() -> list[ShapeSpec]:
    """Every shape that the world has (1,296), held out or not."""
    return [
        ShapeSpec(shape, color, background, size)
        for shape in SHAPES
        for color in COLORS
        for background in COLORS
        if background != color
        for size in SIZES
    ]


def all_scene_specs() -> list[SceneSpec]:
    """Every scene that the world has (120), held out or not."""
    specs = []
    for time in TIMES:
        for with_orb in (False, True):
            specs += [SceneSpec(subject, time, with_orb=with_orb) for subject in ("tree", "mountains")]
            for color in SUBJECT_COLORS:
                specs.append(SceneSpec("boat", time, color, with_orb=with_orb))
                specs += [SceneSpec("house", time, color, tree, with_orb) for tree in (False, True)]
    return specs


def draw(spec: Spec, rng: random.Random, scale: int = 1) -> Pixels:
    """Draw one picture of `spec` as (256 * scale, 256 * scale, 3) pixels with hard edges.

    Average over blocks of `scale` pixels (`shrink`) for anti-aliased edges.
    """
    canvas = _Canvas(scale)
    if isinstance(spec, ShapeSpec):
        canvas.fill(near(COLORS[spec.background], rng))
        canvas.shape(*place_shape(spec, rng), color=near(COLORS[spec.color], rng))
    else:
        _draw_scene(canvas, spec, rng)
    return np.asarray(canvas.image)


def shrink(pixels: Pixels, factor: int) -> Pixels:
    """Area mean over blocks of `factor` x `factor` pixels of an (H, W, 3) picture."""
    height, width = pixels.shape[0] // factor, pixels.shape[1] // factor
    blocks = pixels.reshape(height, factor, width, factor, 3)
    return np.asarray(np.rint(blocks.mean((1, 3), dtype=np.float32)), dtype=np.uint8)


def place_shape(spec: ShapeSpec, rng: random.Random) -> tuple[str, float, float, float]:
    """Choose where a shape stands: its name, centre x, centre y and radius, in canvas pixels."""
    radius = rng.uniform(*RADIUS_PX[spec.size])
    jitter = min(CENTRE_JITTER_PX, max(0.0, 120 - 1.12 * radius))
    return spec.shape, 128 + rng.uniform(-jitter, jitter), 128 + rng.uniform(-jitter, jitter), radius


def outline(shape: str, x: float, y: float, radius: float) -> list[Point]:
    """The corners of a shape's outline, in canvas pixels. Every shape mirrors left to right."""
    if shape == "circle":
        angles = [2 * math.pi * i / 64 for i in range(64)]
        return [(x + radius * math.sin(a), y - radius * math.cos(a)) for a in angles]
    if shape == "square":
        half = 0.86 * radius
        return [(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)]
    if shape == "triangle":
        return [(x, y - radius), (x + radius, y + 0.8 * radius), (x - radius, y + 0.8 * radius)]
    if shape == "diamond":
        return [(x, y - 1.1 * radius), (x + 0.75 * radius, y), (x, y + 1.1 * radius), (x - 0.75 * radius, y)]
    if shape == "star":
        reach = [1.12 * radius if i % 2 == 0 else 0.52 * radius for i in range(10)]
        return [(x + r * math.sin(i * math.pi / 5), y - r * math.cos(i * math.pi / 5)) for i, r in enumerate(reach)]
    if shape == "heart":
        return [_heart_point(2 * math.pi * i / 40, x, y, radius) for i in range(40)]
    raise ValueError(f"no such shape: {shape!r}")


def _heart_point(angle: float, x: float, y: float, radius: float) -> Point:
    """A point of the usual heart curve (mathworld.wolfram.com/HeartCurve.html, the sixth one)."""
    rise = 13 * math.cos(angle) - 5 * math.cos(2 * angle) - 2 * math.cos(3 * angle) - math.cos(4 * angle)
    return x + radius * math.sin(angle) ** 3, y - radius * (rise + 2) / 15.5


def near(color: Rgb, rng: random.Random) -> Rgb:
    """A colour that an eye would call the same."""
    red, green, blue = (min(255, max(0, round(v + rng.uniform(-COLOR_JITTER, COLOR_JITTER)))) for v in color)
    return red, green, blue


class _Canvas:
    """A 256 px canvas drawn at `scale` times its size."""

    def __init__(self, scale: int) -> None:
        self._scale = scale
        self.image = Image.new("RGB", (CANVAS_PX * scale, CANVAS_PX * scale))
        self._pen = ImageDraw.Draw(self.image)

    def fill(self, color: Rgb) -> None:
        self.image.paste(color, (0, 0, *self.image.size))

    def polygon(self, points: Sequence[Point], color: Rgb) -> None:
        self._pen.polygon([(x * self._scale, y * self._scale) for x, y in points], fill=color)

    def box(self, left: float, top: float, right: float, bottom: float, color: Rgb) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], color)

    def shape(self, shape: str, x: float, y: float, radius: float, color: Rgb) -> None:
        self.polygon(outline(shape, x, y, radius), color)


def _draw_scene(canvas: _Canvas, spec: SceneSpec, rng: random.Random) -> None:
    """Draw a landscape back to front: sky, stars, sun or moon, mountains, ground or sea, subject."""

    def lit(color: Rgb) -> Rgb:
        light = LIGHT[spec.time]
        return int(color[0] * light), int(color[1] * light), int(color[2] * light)

    canvas.fill(near(SKY[spec.time], rng))
    horizon = rng.uniform(164, 172)
    if spec.time == "night":
        for x, y in STARS:
            canvas.shape("circle", x + rng.uniform(-3, 3), y + rng.uniform(-3, 3), 3.5, (235, 235, 210))
    if spec.with_orb:
        canvas.shape("circle", 50 + rng.uniform(-5, 5), rng.uniform(44, 52), 22, ORBS[spec.time])
    if spec.subject == "mountains":
        _draw_mountains(canvas, horizon, rng, lit)
    canvas.box(0, horizon, CANVAS_PX, CANVAS_PX, lit(SEA if spec.subject == "boat" else GRASS))
    if spec.subject == "boat":
        _draw_boat(canvas, rng.uniform(118, 138), horizon + 18, spec, lit)
    elif spec.subject == "house":
        x = (100 if spec.with_tree else 128) + rng.uniform(-5, 5)
        _draw_house(canvas, x, horizon + 28, spec, lit)
        if spec.with_tree:
            _draw_tree(canvas, x + 96, horizon + 30, 0.95, lit)
    elif spec.subject == "tree":
        _draw_tree(canvas, 128 + rng.uniform(-10, 10), horizon + 30, 1.55, lit)


def _draw_mountains(canvas: _Canvas, horizon: float, rng: random.Random, lit: Callable[[Rgb], Rgb]) -> None:
    """A wide grey mountain on the left and one with snow on its top on the right."""
    left_top = (rng.uniform(70, 80), rng.uniform(76, 84))
    canvas.polygon([(-20, horizon + 5), left_top, (170, horizon + 5)], lit(ROCKS[0]))
    x, y = rng.uniform(175, 185), rng.uniform(91, 99)
    canvas.polygon([(90, horizon + 5), (x, y), (280, horizon + 5)], lit(ROCKS[1]))
    canvas.polygon([(x - 16, y + 16), (x, y), (x + 16, y + 16)], lit((245, 245, 250)))


def _draw_boat(canvas: _Canvas, x: float, y: float, spec: SceneSpec, lit: Callable[[Rgb], Rgb]) -> None:
    """A hull of the named colour with its deck at (x, y), a mast and a white sail."""
    hull = [(x - 50, y), (x + 50, y), (x + 32, y + 26), (x - 32, y + 26)]
    canvas.polygon(hull, lit(COLORS[spec.color]))
    canvas.box(x - 2.5, y - 72, x + 2.5, y, lit(MAST))
    canvas.polygon([(x + 5, y - 70), (x + 5, y - 8), (x + 46, y - 8)], lit(SAIL))


def _draw_house(canvas: _Canvas, x: float, y: float, spec: SceneSpec, lit: Callable[[Rgb], Rgb]) -> None:
    """Walls of the named colour that stand on (x, y), a roof, a door and two windows (lit at night)."""
    canvas.box(x - 48, y - 66, x + 48, y, lit(COLORS[spec.color]))
    canvas.polygon([(x - 60, y - 66), (x, y - 110), (x + 60, y - 66)], lit(ROOF))
    canvas.box(x - 11, y - 36, x + 11, y, lit((85, 55, 40)))
    window: Rgb = (255, 240, 140) if spec.time == "night" else lit((190, 225, 245))
    for offset in (-31, 31):
        canvas.box(x + offset - 9, y - 52, x + offset + 9, y - 34, window)


def _draw_tree(canvas: _Canvas, x: float, y: float, height: float, lit: Callable[[Rgb], Rgb]) -> None:
    """A trunk that stands on (x, y) and a round crown, 90 px tall times `height`."""
    canvas.box(x - 6 * height, y - 34 * height, x + 6 * height, y, lit(TRUNK))
    canvas.shape("circle", x, y - 58 * height, 32 * height, lit(CROWN))
