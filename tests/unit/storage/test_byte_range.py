"""Ranges and conditions, as RFC 9110 has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_service.byte_range import ByteRange, ContentPlan, UnsatisfiableRangeError, parse_range, plan_content

ETAG = '"abc"'


def plan(range_: str | None = None, if_range: str | None = None, if_none_match: str | None = None) -> ContentPlan:
    return plan_content(100, ETAG, range_=range_, if_range=if_range, if_none_match=if_none_match)


@pytest.mark.parametrize(
    ("value", "offset", "length"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=90-", 90, 10),
        ("bytes=90-1000", 90, 10),
        ("bytes=-10", 90, 10),
        ("bytes=-1000", 0, 100),
        ("bytes=99-99", 99, 1),
        ("BYTES = 0-0", 0, 1),
    ],
)
def test_one_range_is_understood(value: str, offset: int, length: int) -> None:
    assert parse_range(value, 100) == ByteRange(offset, length, 100)


@pytest.mark.parametrize("value", [None, "", "lines=1-2", "bytes", "bytes=0-1,5-6"])
def test_other_than_a_single_range_of_bytes_returns_everything(value: str | None) -> None:
    assert parse_range(value, 100) is None


@pytest.mark.parametrize(
    "value",
    ["100-", "100-200", "5-4", "-0", "-", "a-b", "1", "--1", "9" * 5000 + "-", "٣-٤"],
)
def test_a_wrong_range_is_416_with_the_size(value: str) -> None:
    with pytest.raises(UnsatisfiableRangeError) as caught:
        parse_range(f"bytes={value}", 100)
    assert caught.value.content_range == "bytes */100"
    assert caught.value.code == "OUT_OF_RANGE"


@given(st.text(max_size=30), st.integers(1, 10**12))
def test_every_range_lies_within_the_content(value: str, total: int) -> None:
    try:
        found = parse_range("bytes=" + value, total)
    except UnsatisfiableRangeError:
        return
    assert found is None or (found.offset >= 0 and 0 < found.length <= total - found.offset)


def test_the_header_of_a_part_counts_from_zero_and_includes_the_last_byte() -> None:
    assert plan("bytes=10-19") == ContentPlan(206, 10, 10, "bytes 10-19/100")


@pytest.mark.parametrize("tags", [ETAG, "*", f"W/{ETAG}", f'"x", {ETAG}'])
def test_a_matching_etag_is_304(tags: str) -> None:
    assert plan("bytes=0-1", if_none_match=tags).status == 304


def test_another_etag_returns_the_content() -> None:
    assert plan(if_none_match='"x"') == ContentPlan(200, 0, 100)


@pytest.mark.parametrize(("if_range", "status"), [(ETAG, 206), ('"x"', 200), (f"W/{ETAG}", 200), ("Mon, 01 Jan", 200)])
def test_a_range_goes_on_only_with_the_same_content(if_range: str, status: int) -> None:
    assert plan("bytes=0-1", if_range=if_range).status == status
