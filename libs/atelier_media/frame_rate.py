"""Frame rates as exact fractions, and conversion between them: frames are repeated or dropped, never blended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import repeat
from typing import TypeVar

from atelier_media.errors import MediaError
from atelier_media.frame import Frame, Frames, each_frame, require_count

MIN_FRAME_RATE_HZ = Fraction(1, 10)
MAX_FRAME_RATE_HZ = Fraction(240)
# Every rate in use has a denominator of at most this: 30000/1001 and its kin.
_MAX_DENOMINATOR = 1001

FrameT = TypeVar("FrameT")


def exact_frame_rate(frame_rate_hz: Fraction | float) -> Fraction:
    """The nearest fraction whose denominator is at most 1001 (29.97 is 2997/100).

    Raises:
        MediaError: INVALID_FRAME_RATE, not a number from 0.1 to 240 Hz.
    """
    if math.isfinite(frame_rate_hz):
        rate = Fraction(frame_rate_hz).limit_denominator(_MAX_DENOMINATOR)
        if MIN_FRAME_RATE_HZ <= rate <= MAX_FRAME_RATE_HZ:
            return rate
    allowed = f"{float(MIN_FRAME_RATE_HZ):g} to {float(MAX_FRAME_RATE_HZ):g} Hz"
    raise MediaError("INVALID_FRAME_RATE", f"a frame rate is a number from {allowed}, not {float(frame_rate_hz):g}")


def source_index(index: int, source_hz: Fraction, target_hz: Fraction) -> int:
    """The source frame that is nearest in time to frame `index` of the target; of two equally near, the later.

    Computed in integers, so that the millionth frame is as exact as the first. The length of the source is unknown
    here: for the last frames of the target the result may be the index after the last frame.
    """
    ratio = source_hz / target_hz
    return (2 * index * ratio.numerator + ratio.denominator) // (2 * ratio.denominator)


def converted_frame_count(frame_count: int, source_hz: Fraction, target_hz: Fraction) -> int:
    """Frames of the target: those that begin before the source ends.

    Raises:
        MediaError: INVALID_FRAME_COUNT.
    """
    return math.ceil(require_count(frame_count) * target_hz / source_hz)


class _Repeats:
    """How often each source frame appears in the target, whose frame k is source frame `source_index(k)`."""

    def __init__(self, source_hz: Fraction, target_hz: Fraction) -> None:
        self._rates_hz = source_hz, target_hz
        self._taken = 0
        self._given = 0

    def of_next(self) -> int:
        """How often the next source frame appears."""
        begin = self._given
        while source_index(self._given, *self._rates_hz) == self._taken:
            self._given += 1
        self._taken += 1
        return self._given - begin

    def of_last(self) -> int:
        """How often the last source frame appears in addition, since no frame follows."""
        return converted_frame_count(self._taken, *self._rates_hz) - self._given if self._taken else 0


class FrameRateConverter:
    """Converts frames to another rate, chunk by chunk. Holds one frame."""

    def __init__(self, source_hz: Fraction, target_hz: Fraction) -> None:
        self._repeats = _Repeats(source_hz, target_hz)
        self._last: Frame | None = None

    def add(self, frames: Frames) -> list[Frame]:
        """Adds the next frame (height, width, 3) or chunk (n, height, width, 3).

        Returns:
            The frames to write, as views; a repeated frame is the same object.

        Raises:
            MediaError: INVALID_FRAME.
        """
        frame: Frame | None = None
        shown: list[Frame] = []
        for frame in each_frame(frames):
            shown += [frame] * self._repeats.of_next()
        if frame is not None:
            # A copy: a view would hold the whole chunk.
            self._last = frame.copy()
        return shown

    def finish(self) -> list[Frame]:
        """The frames to write after the last one was added: that one again, or none."""
        return [] if self._last is None else [self._last] * self._repeats.of_last()


def convert_frame_rate(frames: Iterable[FrameT], source_hz: Fraction, target_hz: Fraction) -> Iterator[FrameT]:
    """Converts an iterable of frames as `FrameRateConverter` does. Holds one frame."""
    repeats = _Repeats(source_hz, target_hz)
    for frame in frames:
        yield from repeat(frame, repeats.of_next())
    if rest := repeats.of_last():
        yield from repeat(frame, rest)
