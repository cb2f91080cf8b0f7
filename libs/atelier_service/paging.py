"""Pages: sizes that are coerced, a limit of bytes, tokens that are opaque."""

import base64
import binascii
import json
from collections.abc import Iterable
from typing import TypeVar

from google.protobuf.message import Message

from atelier_service.channel import MAX_MESSAGE_BYTES
from atelier_service.errors import InvalidArgumentError

PAGE_BYTES = MAX_MESSAGE_BYTES // 4
"""Of the records of one page, as protobuf. As JSON they take up to six times as much, which the gateway passes too."""

_MessageT = TypeVar("_MessageT", bound=Message)


def page_size(requested: int, default: int = 50, maximum: int = 100) -> int:
    """The size to use: `default` for 0, at most `maximum`."""
    return min(requested, maximum) if requested > 0 else default


def fitting(messages: Iterable[_MessageT]) -> list[_MessageT]:
    """The first of `messages` that fit in a page: PAGE_BYTES in all, but never none where there is one."""
    found: list[_MessageT] = []
    size = 0
    for message in messages:
        size += message.ByteSize()
        if found and size > PAGE_BYTES:
            break
        found.append(message)
    return found


def encode_token(*values: str | int) -> str:
    """A token that holds the key of the last row of a page."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def decode_token(token: str, length: int) -> list[str | int]:
    """Decodes a token into its `length` values.

    Raises:
        InvalidArgumentError: `encode_token` did not make this token.
    """
    try:
        values = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError):
        values = None
    if not isinstance(values, list) or len(values) != length or not all(map(_is_value, values)):
        raise _not_ours()
    return values


def decode_position(token: str) -> int:
    """The place, from 0, that a token of one number holds; 0 without a token. Raises InvalidArgumentError."""
    position = decode_token(token, 1)[0] if token else 0
    if not isinstance(position, int) or position < 0:
        raise _not_ours()
    return position


def _not_ours() -> InvalidArgumentError:
    return InvalidArgumentError.of_field("page_token", "is not one that a previous response gave")


def _is_value(value: object) -> bool:
    """A number, or a text that every database takes: no half of a surrogate pair, no NUL."""
    return type(value) is int or (isinstance(value, str) and value.isprintable())
