"""Frame rates, exactly, and the way from one to another: whole frames are repeated or left out, none is mixed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

from atelier_media.errors import MediaError
from atelier_media.frame import require_count

MIN_FRAME_RATE_HZ = Fraction(1, 10)
MAX_FRAME_RATE_HZ = Fraction(240)
# Every rate in use has a denominator of at most this: 30000/1001 and its kin.
_MAX_DENOMINATOR = 1001

FrameT = TypeVar("FrameT")


def exact_frame_rate(frame_rate_hz: Fraction | float) -> Fraction:
    """The rate as a fraction whose denominator is at most 1001: the nearest one (29.97 is 2997/100).

    Raises `MediaError` INVALID_FRAME_RATE for what is no number or lies outside of 0.1 to 240 Hz.
    """
    if math.isfinite(frame_rate_hz):
        rate = Fraction(frame_rate_hz).limit_denominator(_MAX_DENOMINATOR)
        if MIN_FRAME_RATE_HZ <= rate <= MAX_FRAME_RATE_HZ:
            return rate
    allowed = f"{float(MIN_FRAME_RATE_HZ):g} to {float(MAX_FRAME_RATE_HZ):g} Hz"
    raise MediaError("INVALID_FRAME_RATE", f"a frame rate is a number from {allowed}, not {float(frame_rate_hz):g}")


def source_index(index: int, source_hz: Fraction, target_hz: Fraction) -> int:
    """Which frame of the source lies nearest in time to frame `index` of the target; of two equally near, the later.

    From whole numbers alone, so that the millionth frame is as exact as the first. The source's end is not known
    here: the last frames of the target may ask for the frame just after it, and get the last one.
    """
    ratio = source_hz / target_hz
    return (2 * index * ratio.numerator + ratio.denominator) // (2 * ratio.denominator)


def converted_frame_count(frame_count: int, source_hz: Fraction, target_hz: Fraction) -> int:
    """How many frames `convert_frame_rate` gives: those that begin before the source ends."""
    return math.ceil(require_count(frame_count) * target_hz / source_hz)


def convert_frame_rate(frames: Iterable[FrameT], source_hz: Fraction, target_hz: Fraction) -> Iterator[FrameT]:
    """The frames at another rate, as they come; holds one frame. The same object is given again where it is repeated.

    Frame k of the target is the frame of the source nearest to its time, `source_index(k)`.
    """
    given = count = wanted = 0
    for frame in frames:
        while wanted == count:
            yield frame
            given += 1
            wanted = source_index(given, source_hz, target_hz)
        count += 1
    if count:
        for _ in range(converted_frame_count(count, source_hz, target_hz) - given):
            yield frame
