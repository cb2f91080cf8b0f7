"""Paging: page sizes, a limit in bytes, and opaque page tokens."""

import base64
import binascii
import json
from collections.abc import Iterable
from typing import TypeVar

from google.protobuf.message import Message

from atelier_service.channel import MAX_MESSAGE_BYTES
from atelier_service.errors import InvalidArgumentError

PAGE_BYTES = MAX_MESSAGE_BYTES // 4
"""Largest size of the records of a page as protobuf. JSON takes up to six times as much, which the gateway accepts."""

_MessageT = TypeVar("_MessageT", bound=Message)


def page_size(requested: int, default: int = 50, maximum: int = 100) -> int:
    """Returns the page size to use: `default` for 0, at most `maximum`."""
    return min(requested, maximum) if requested > 0 else default


def fitting(messages: Iterable[_MessageT]) -> list[_MessageT]:
    """Returns the first of `messages`, of up to PAGE_BYTES bytes together; at least one, unless there are none."""
    found: list[_MessageT] = []
    size = 0
    for message in messages:
        size += message.ByteSize()
        if found and size > PAGE_BYTES:
            break
        found.append(message)
    return found


def encode_token(*values: str | int) -> str:
    """Returns a page token that contains `values`, the key of the last row of a page."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def decode_token(token: str, length: int) -> list[str | int]:
    """Decodes a token into its `length` values.

    Raises:
        InvalidArgumentError: The token is not one that `encode_token` returned for `length` values.
    """
    try:
        values = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError):
        values = None
    if not isinstance(values, list) or len(values) != length or not all(map(_is_value, values)):
        raise _not_ours()
    return values


def decode_position(token: str) -> int:
    """Returns the position, from 0, in a token of one number; 0 for an empty token. Raises InvalidArgumentError."""
    position = decode_token(token, 1)[0] if token else 0
    if not isinstance(position, int) or position < 0:
        raise _not_ours()
    return position


def _not_ours() -> InvalidArgumentError:
    return InvalidArgumentError.of_field("page_token", "is not one that a previous response gave")


def _is_value(value: object) -> bool:
    """Whether it is an integer, or a text that every database stores: without lone surrogates and NUL."""
    return type(value) is int or (isinstance(value, str) and value.isprintable())
