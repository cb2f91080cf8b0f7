"""Pages: how much one holds, and its token, also one of a caller's own making."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier.image.v1 import image_pb2
from atelier_service.errors import InvalidArgumentError
from atelier_service.paging import PAGE_BYTES, decode_position, decode_token, encode_token, fitting


def test_a_position_comes_back() -> None:
    assert decode_position(encode_token(50)) == 50
    assert decode_position("") == 0


@pytest.mark.parametrize("value", ["abc", "", -3, "5"])
def test_a_position_is_a_number_from_0(value: str | int) -> None:
    with pytest.raises(InvalidArgumentError, match="page_token"):
        decode_position(encode_token(value))


@pytest.mark.parametrize("text", ["\ud800", "a\0b"])
def test_a_token_with_a_text_that_no_database_takes_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="page_token"):
        decode_token(encode_token(text), 1)


def _record(size: int) -> image_pb2.Image:
    return image_pb2.Image(model_revision="x" * size)


@given(st.lists(st.integers(0, PAGE_BYTES // 2), max_size=8))
def test_a_page_holds_what_fits_and_no_less(sizes: list[int]) -> None:
    records = [_record(size) for size in sizes]
    page = fitting(records)
    assert page == records[: len(page)]
    assert sum(record.ByteSize() for record in page) <= PAGE_BYTES
    if len(page) < len(records):
        assert sum(record.ByteSize() for record in records[: len(page) + 1]) > PAGE_BYTES


def test_a_record_that_is_larger_than_a_page_comes_alone() -> None:
    small, large = _record(1), _record(PAGE_BYTES + 1)
    assert fitting([large, small]) == [large]
    assert fitting([small, large, small]) == [small]
    assert fitting([]) == []
