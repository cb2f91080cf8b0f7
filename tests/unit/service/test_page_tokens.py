"""Page tokens, also those of a caller's own making."""

import pytest

from atelier_service.errors import InvalidArgumentError
from atelier_service.paging import decode_position, decode_token, encode_token


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
