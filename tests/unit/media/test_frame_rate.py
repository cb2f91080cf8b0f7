"""Frame rates, and the way from one to another."""

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_media.errors import MediaError
from atelier_media.frame import Frame
from atelier_media.frame_rate import (
    FrameRateConverter,
    convert_frame_rate,
    converted_frame_count,
    exact_frame_rate,
    source_index,
)

RATES = st.integers(5, 60).map(Fraction) | st.sampled_from(
    [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(2997, 100), Fraction(25, 2)]
)


@pytest.mark.parametrize(
    ("given_hz", "exact"),
    [
        (24, 24),
        (12.5, Fraction(25, 2)),
        (29.97, Fraction(2997, 100)),
        (30000 / 1001, Fraction(30000, 1001)),
        (0.1, 0.1),
    ],
)
def test_a_rate_becomes_the_fraction_that_was_meant(given_hz: float, exact: float) -> None:
    assert exact_frame_rate(given_hz) == Fraction(exact).limit_denominator(1001)


@pytest.mark.parametrize("rate", [0, -24, 0.01, 241, 1e300, math.nan, math.inf, -math.inf, Fraction(10**30, 7)])
def test_what_is_no_frame_rate_is_refused(rate: float) -> None:
    with pytest.raises(MediaError) as caught:
        exact_frame_rate(rate)
    assert caught.value.reason == "INVALID_FRAME_RATE"


@given(count=st.integers(1, 80), source_hz=RATES, target_hz=RATES)
def test_every_frame_is_the_nearest_in_time(count: int, source_hz: Fraction, target_hz: Fraction) -> None:
    picked = list(convert_frame_rate(iter(range(count)), source_hz, target_hz))
    assert len(picked) == converted_frame_count(count, source_hz, target_hz)
    times_s = [Fraction(index) / source_hz for index in range(count)]
    for place, index in enumerate(picked):
        distance_s = abs(place / target_hz - times_s[index])
        neighbours = times_s[max(0, index - 1) : index + 2]
        assert distance_s == min(abs(place / target_hz - time_s) for time_s in neighbours)
        # Half a frame of the source, but for what lies after its last frame.
        assert distance_s <= Fraction(1, 2) / source_hz or index == count - 1


@given(count=st.integers(1, 80), source_hz=RATES, target_hz=RATES)
def test_the_clip_lasts_as_long_as_before_to_within_a_frame(
    count: int, source_hz: Fraction, target_hz: Fraction
) -> None:
    longer_s = converted_frame_count(count, source_hz, target_hz) / target_hz - count / source_hz
    assert 0 <= longer_s < 1 / target_hz


@given(count=st.integers(1, 80), source_hz=RATES, target_hz=RATES)
def test_frames_keep_their_order_and_a_faster_rate_loses_none(
    count: int, source_hz: Fraction, target_hz: Fraction
) -> None:
    picked = list(convert_frame_rate(iter(range(count)), source_hz, target_hz))
    assert picked == sorted(picked)
    if target_hz >= source_hz:
        assert set(picked) == set(range(count))
    if target_hz <= source_hz:
        assert len(set(picked)) >= len(picked) - 1


@given(count=st.integers(0, 50), rate=RATES)
def test_the_same_rate_changes_nothing(count: int, rate: Fraction) -> None:
    assert list(convert_frame_rate(iter(range(count)), rate, rate)) == list(range(count))


def test_hours_later_nothing_has_drifted() -> None:
    film_hz, television_hz = Fraction(24000, 1001), Fraction(30000, 1001)
    assert source_index(5 * 10**9, film_hz, television_hz) == 4 * 10**9


def test_a_third_of_the_frames_is_every_third_frame() -> None:
    assert list(convert_frame_rate(iter(range(10)), Fraction(24), Fraction(8))) == [0, 3, 6, 9]


def test_frames_are_taken_only_when_they_are_needed() -> None:
    taken = []

    def source() -> Iterator[int]:
        for index in range(1000):
            taken.append(index)
            yield index

    converted = convert_frame_rate(source(), Fraction(10), Fraction(20))
    assert [next(converted) for _ in range(4)] == [0, 1, 1, 2]
    assert taken == [0, 1, 2]


@given(count=st.integers(0, 80), chunk=st.integers(1, 20), source_hz=RATES, target_hz=RATES)
def test_frames_that_are_given_come_out_as_those_that_are_taken(
    count: int, chunk: int, source_hz: Fraction, target_hz: Fraction
) -> None:
    frames = np.arange(3 * count, dtype=np.uint8).reshape(count, 1, 1, 3)
    converter = FrameRateConverter(source_hz, target_hz)
    shown: list[Frame] = []
    for first in range(0, count, chunk):
        shown += converter.add(frames[first : first + chunk])
    shown += converter.finish()
    wanted = list(convert_frame_rate(iter(frames), source_hz, target_hz))
    assert [frame.tolist() for frame in shown] == [frame.tolist() for frame in wanted]


def test_the_frame_that_is_shown_again_does_not_keep_its_chunk() -> None:
    converter = FrameRateConverter(Fraction(8), Fraction(30))
    converter.add(np.zeros((16, 4, 4, 3), np.uint8))
    # 16 frames of 8 Hz are 60 of 30 Hz; the last of them is nearest to a seventeenth.
    again = converter.finish()
    assert len(again) == 1
    assert again[0].base is None


def test_a_chunk_that_is_none_is_refused() -> None:
    with pytest.raises(MediaError) as caught:
        FrameRateConverter(Fraction(8), Fraction(24)).add(np.zeros((4, 4), np.uint8))
    assert caught.value.reason == "INVALID_FRAME"
