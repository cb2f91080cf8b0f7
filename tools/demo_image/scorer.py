"""Tell what a picture shows, with numpy and Pillow alone, and compare it with what was asked for.

The scorer knows how the demo world looks but nothing about the model. It is strict on purpose: a picture counts only
when *every* answer of `score` is true, and a blob that resembles a star hardly more than a circle is no star
(`SHAPE_LEAD`).
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from tools.demo_image import world
from tools.demo_image.world import Pixels, Rgb, SceneSpec, ShapeSpec, Spec

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

LOOK_PX = 128  # every picture is looked at in this size
BACKGROUND_DISTANCE = 22.0  # CIE76 colour distance from which a pixel is no longer background
SAME_COLOR_DISTANCE = 18.0  # ... and below which a pixel of a scene has the colour that it should have
SMALLEST_OBJECT = 0.005  # share of the picture
SHAPE_OVERLAP = 0.6  # intersection over union with the ideal shape, below which nothing is recognised
SHAPE_LEAD = 0.05  # ... and how much better than with any other shape it must be
RADIUS_LIMITS_PX = {"": (50.0, 76.0), "big": (76.0, 128.0), "small": (25.0, 50.0)}  # in a 256 px picture
_TEMPLATE_PX = 40


@dataclass(frozen=True)
class Seen:
    """One object on a plain background; `radius_px` as `world.outline` means it. Lengths fit a 256 px picture."""

    color: str
    shape: str  # "" if it is none that the world knows
    radius_px: float
    x_px: float  # the centre of its mask
    y_px: float


def score(spec: Spec, pixels: Pixels) -> dict[str, bool]:
    """Which attributes of `spec` a square (H, W, 3) picture has: attribute name -> right or wrong."""
    picture = _resized(pixels)
    return _score_shape(spec, picture) if isinstance(spec, ShapeSpec) else _score_scene(spec, picture)


def look(pixels: Pixels) -> tuple[str, list[Seen]]:
    """Name the background's colour, and all objects on it, largest first."""
    return _look(_resized(pixels))


def _resized(pixels: Pixels) -> Floats:
    """The picture as (128, 128, 3) of 0 to 255."""
    return np.asarray(Image.fromarray(pixels).resize((LOOK_PX, LOOK_PX), Image.Resampling.BOX), dtype=np.float64)


def _score_shape(spec: ShapeSpec, picture: Floats) -> dict[str, bool]:
    background, objects = _look(picture)
    low, high = RADIUS_LIMITS_PX[spec.size]
    return {
        "background": background == spec.background,
        "count": len(objects) == 1,
        "color": bool(objects) and objects[0].color == spec.color,
        "shape": bool(objects) and objects[0].shape == spec.shape,
        "size": bool(objects) and low <= objects[0].radius_px < high,
    }


def _look(picture: Floats) -> tuple[str, list[Seen]]:
    sides = (picture[:3], picture[-3:], picture[:, :3], picture[:, -3:])
    border = np.concatenate([side.reshape(-1, 3) for side in sides])
    background = np.median(border, axis=0)
    foreground = _distance(picture, background) > BACKGROUND_DISTANCE
    objects = []
    for mask in sorted(_components(_opened(foreground)), key=np.count_nonzero, reverse=True):
        if np.count_nonzero(mask) < SMALLEST_OBJECT * mask.size:
            continue
        core = _eroded(_eroded(mask))
        color = color_name(np.median(picture[core if np.count_nonzero(core) > 9 else mask], axis=0))
        shape = shape_name(_filled(mask))
        scale = world.CANVAS_PX / LOOK_PX
        radius_px = scale * math.sqrt(np.count_nonzero(mask) / _unit_area(shape))
        y_px, x_px = (scale * (float(places.mean()) + 0.5) for places in np.nonzero(mask))
        objects.append(Seen(color, shape, radius_px, x_px, y_px))
    return color_name(background), objects


def color_name(rgb: Floats) -> str:
    """The name of the world's colour that an (R, G, B) of 0 to 255 is nearest to."""
    distances = {name: float(_distance(rgb, np.array(value))) for name, value in world.COLORS.items()}
    return min(distances, key=lambda name: distances[name])


def shape_name(mask: Mask) -> str:
    """The shape that clearly overlaps best with a mask, at any place and size, or "" if there is none."""
    seen = _normalized(mask)
    overlaps = {shape: _overlap(seen, _template(shape)) for shape in world.SHAPES}
    second, best = sorted(overlaps, key=lambda shape: overlaps[shape])[-2:]
    clear = overlaps[best] >= SHAPE_OVERLAP and overlaps[best] - overlaps[second] >= SHAPE_LEAD
    return best if clear else ""


def _score_scene(spec: SceneSpec, picture: Floats) -> dict[str, bool]:
    sky = np.median(picture[:10].reshape(-1, 3), axis=0)
    times = {time: float(_distance(sky, np.array(color))) for time, color in world.SKY.items()}
    ground = np.median(picture[-10:].reshape(-1, 3), axis=0)
    seen = _Shares(picture, world.LIGHT[spec.time])
    right = {
        "time": min(times, key=lambda time: times[time]) == spec.time,
        "ground": bool(ground[2] > ground[1]) == (spec.subject == "boat"),
        "orb": (seen.share(world.ORBS[spec.time], 0, 80, lit=False) > 0.01) == spec.with_orb,
    }
    if spec.subject == "tree":
        right["subject"] = seen.share(world.CROWN, 20, 160) > 0.05
    elif spec.subject == "mountains":
        right["subject"] = sum(seen.share(grey, 70, 166) for grey in world.ROCKS) > 0.06
    elif spec.subject == "boat":
        right["subject"] = seen.share(world.SAIL, 105, 180) > 0.008
        right["color"] = seen.named_share(spec.color, 180, 220) > 0.012
    else:
        right["subject"] = seen.share(world.ROOF, 70, 150) > 0.015
        right["color"] = seen.named_share(spec.color, 125, 205) > 0.025
        right["with_tree"] = (seen.share(world.CROWN, 90, 162) > 0.012) == spec.with_tree
    return right


class _Shares:
    """Measures which share of a picture has a colour, between two heights given in a 256 px canvas."""

    def __init__(self, picture: Floats, light: float) -> None:
        self._lab = _lab(picture)
        self._light = light

    def share(self, color: Rgb, top: int, bottom: int, lit: bool = True) -> float:
        """The share that has this colour, dimmed by the time of day if `lit`."""
        return float(np.count_nonzero(self._distances(color, top, bottom, lit) < SAME_COLOR_DISTANCE)) / LOOK_PX**2

    def named_share(self, name: str, top: int, bottom: int) -> float:
        """The share that has the named colour, and no other subject's colour more nearly."""
        all_distances = {n: self._distances(world.COLORS[n], top, bottom, True) for n in world.SUBJECT_COLORS}
        nearest = np.min(list(all_distances.values()), axis=0)
        named = (all_distances[name] == nearest) & (nearest < SAME_COLOR_DISTANCE)
        return float(np.count_nonzero(named)) / LOOK_PX**2

    def _distances(self, color: Rgb, top: int, bottom: int, lit: bool) -> Floats:
        band = self._lab[top * LOOK_PX // world.CANVAS_PX : bottom * LOOK_PX // world.CANVAS_PX]
        seen: Floats = np.array(color) * (self._light if lit else 1.0)
        return np.asarray(np.sqrt(((band - _lab(seen)) ** 2).sum(-1)))


def _lab(rgb: Floats) -> Floats:
    """sRGB of 0 to 255 as CIE L*a*b* (D65; formulas of IEC 61966-2-1 and CIE 15)."""
    share = rgb / 255
    linear = np.where(share > 0.04045, ((share + 0.055) / 1.055) ** 2.4, share / 12.92)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    lightness, a, b = 116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])
    return np.stack([lightness, a, b], -1)


def _distance(a: Floats, b: Floats) -> Floats:
    """The CIE76 distance of colours given as sRGB of 0 to 255; a difference of 2.3 is just noticeable."""
    return np.asarray(np.sqrt(((_lab(a) - _lab(b)) ** 2).sum(-1)))


def _eroded(mask: Mask) -> Mask:
    """The mask without its outermost pixels."""
    padded = np.pad(mask, 1)
    return padded[1:-1, 1:-1] & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


def _grown(mask: Mask) -> Mask:
    """The mask with one more pixel all around."""
    return ~_eroded(np.pad(~mask, 1, constant_values=True))[1:-1, 1:-1]


def _opened(mask: Mask) -> Mask:
    """The mask without specks and hairs: eroded, then grown again."""
    return _grown(_eroded(mask))


def _components(mask: Mask) -> list[Mask]:
    """Split a mask into its connected parts (4 neighbours): label runs row by row, and join those that touch."""
    labels = np.zeros(mask.shape, dtype=np.int64)
    leaders = [0]  # label -> an older label of the same part, or itself
    steps = np.diff(mask.astype(np.int8), axis=1, prepend=0, append=0)
    for y in range(len(mask)):
        starts, stops = np.flatnonzero(steps[y] == 1), np.flatnonzero(steps[y] == -1)
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
            above = np.unique(labels[y - 1, start:stop]) if y else np.zeros(1, dtype=np.int64)
            touching = {_leader(leaders, label) for label in above.tolist() if label}
            label = min(touching, default=len(leaders))
            if not touching:
                leaders.append(label)
            for other in touching:
                leaders[other] = label
            labels[y, start:stop] = label
    resolved = np.array([_leader(leaders, label) for label in range(len(leaders))])[labels]
    return [resolved == label for label in np.unique(resolved).tolist() if label]


def _leader(leaders: list[int], label: int) -> int:
    while leaders[label] != label:
        label = leaders[label]
    return label


def _filled(mask: Mask) -> Mask:
    """The mask with its holes closed: all that is not connected with the outside."""
    outside = next(part for part in _components(np.pad(~mask, 1, constant_values=True)) if part[0, 0])
    return ~outside[1:-1, 1:-1]


def _normalized(mask: Mask) -> Mask:
    """The mask's bounding box, centred in 40 x 40 px with its proportions kept and a margin of 5 %."""
    rows, columns = np.nonzero(mask)
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    side = 1.1 * max(bottom - top, right - left)
    grid = ((np.arange(_TEMPLATE_PX) + 0.5) / _TEMPLATE_PX - 0.5) * side
    y = np.floor((top + bottom) / 2 + grid).astype(int)
    x = np.floor((left + right) / 2 + grid).astype(int)
    return np.asarray(np.pad(mask, LOOK_PX)[np.ix_(y + LOOK_PX, x + LOOK_PX)])


def _overlap(a: Mask, b: Mask) -> float:
    return float(np.count_nonzero(a & b)) / float(np.count_nonzero(a | b))


def _ideal(shape: str, radius: float) -> Mask:
    image = Image.new("1", (world.CANVAS_PX, world.CANVAS_PX))
    ImageDraw.Draw(image).polygon(world.outline(shape, 128, 128, radius), fill=1)
    return np.asarray(image)


@functools.cache
def _template(shape: str) -> Mask:
    return _normalized(_ideal(shape, 80))


@functools.cache
def _unit_area(shape: str) -> float:
    """A shape's area at radius 1 (for what is no shape: a circle's)."""
    return np.count_nonzero(_ideal(shape or "circle", 80)) / 80**2
