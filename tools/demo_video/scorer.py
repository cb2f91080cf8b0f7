"""Tell what a clip shows, with numpy and Pillow alone, and compare it with what was asked for.

Every frame is looked at by the image model's scorer, which knows nothing of prompts or models. A clip counts only
when *every* answer of `score` is true.
"""

import itertools
import math
from dataclasses import dataclass

from tools.demo_image import scorer
from tools.demo_image.world import CANVAS_PX
from tools.demo_video.world import DIRECTIONS, OUTLINES, Clip, ClipSpec

STEADY = 0.8  # share of the frames in which an attribute must be right
TRAVEL = 0.35  # share of the frame's width that a shape must travel at least (drawn clips: 0.48 to 0.51)
SIDEWAYS = 0.12  # ... and by which it may leave its line at most
BACKWARD_STEPS = 2  # of 15: how often it may step back


@dataclass(frozen=True)
class Frame:
    """What one frame shows; the place is that of its largest object, 0 to 1 over the frame, y pointing down."""

    background: str
    objects: int
    color: str
    shape: str
    place: tuple[float, float] | None


def score(spec: ClipSpec, clip: Clip) -> dict[str, bool]:
    """Which attributes of `spec` a (frames, H, H, 3) clip has: attribute name -> right or wrong."""
    frames = look(clip)
    return {
        "background": _steady([frame.background == spec.background for frame in frames]),
        "count": _steady([frame.objects == 1 for frame in frames]),
        "color": _steady([frame.color == spec.color for frame in frames]),
        "shape": _steady([frame.shape == OUTLINES[spec.shape] for frame in frames]),
        "motion": direction_name(frames) == spec.direction,
    }


def look(clip: Clip) -> list[Frame]:
    """Name what each frame shows."""
    return [_look(pixels) for pixels in clip]


def direction_name(frames: list[Frame]) -> str:
    """The direction in which the largest object clearly and evenly moves, or "" if there is none."""
    path = [frame.place for frame in frames if frame.place is not None]
    if len(path) < STEADY * len(frames):
        return ""
    matching = [name for name, (dx, dy) in DIRECTIONS.items() if _moves(path, dx, dy)]
    return matching[0] if matching else ""


def _moves(path: list[tuple[float, float]], dx: int, dy: int) -> bool:
    along = [dx * x + dy * y for x, y in path]
    across = [dy * x + dx * y for x, y in path]
    backward = sum(after < before for before, after in itertools.pairwise(along))
    far_enough = along[-1] - along[0] >= TRAVEL
    return far_enough and max(across) - min(across) <= SIDEWAYS and backward <= BACKWARD_STEPS


def _steady(answers: list[bool]) -> bool:
    return sum(answers) >= math.ceil(STEADY * len(answers))


def _look(pixels: Clip) -> Frame:
    background, objects = scorer.look(pixels)
    if not objects:
        return Frame(background, 0, "", "", None)
    largest = objects[0]
    place = (largest.x_px / CANVAS_PX, largest.y_px / CANVAS_PX)
    return Frame(background, len(objects), largest.color, largest.shape, place)
