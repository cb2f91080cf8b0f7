"""Frames: the encoding of messages between a host and its pool.

A frame is two lengths (4 bytes each, big-endian), a JSON object, and bytes. Decoding it runs no code: a host runs code
that its pool does not trust.
"""

import dataclasses
import json
import struct
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

HEADER = struct.Struct(">II")
MAX_JSON_BYTES = 64 * 2**20
MAX_DATA_BYTES = 2**30

M = TypeVar("M")

_adapters: dict[type[Any], TypeAdapter[Any]] = {}


class ProtocolError(Exception):
    """A message is malformed or too large. After such a message is received, the connection cannot be used any more."""


def to_frame(message: Any) -> bytes:
    """Encodes a message: a dataclass of JSON values, whose field `data`, if it has one, holds the bytes of the frame.

    Raises:
        ProtocolError: The message is too large.
        TypeError: A value is not JSON.
    """
    fields = _fields(message)
    data: bytes = fields.pop("data", b"")
    text = json.dumps({"type": type(message).__name__, **fields}, default=_fields, separators=(",", ":")).encode()
    if len(text) > MAX_JSON_BYTES or len(data) > MAX_DATA_BYTES:
        raise ProtocolError(f"a {type(message).__name__} is too large: {len(text)} and {len(data)} bytes")
    return HEADER.pack(len(text), len(data)) + text + data


def body_lengths(header: bytes) -> tuple[int, int]:
    """Reads a frame's header: the lengths of its JSON and of its bytes.

    Raises:
        ProtocolError: The frame is too large.
    """
    text, data = HEADER.unpack(header)
    if text > MAX_JSON_BYTES or data > MAX_DATA_BYTES:
        raise ProtocolError(f"a frame of {text} and {data} bytes is too large")
    return text, data


def from_frame(text: bytes, data: bytes, kinds: dict[str, type[M]]) -> M:
    """Decodes a message.

    Args:
        text: The frame's JSON.
        data: The frame's bytes.
        kinds: The messages that may arrive, by name; any other is an error.

    Raises:
        ProtocolError: It is not one of these messages, or a field does not have its declared type.
    """
    try:
        fields = json.loads(text)
        kind = kinds[fields.pop("type")]
        if "data" in kind.__dataclass_fields__:  # type: ignore[attr-defined]
            fields["data"] = data
        message: M = _adapter(kind).validate_python(fields)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ValidationError) as error:
        raise ProtocolError(f"not a message: {type(error).__name__}: {error}") from error
    return message


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Returns the adapter of a kind of message; cached, as making one takes longer than using it."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def _fields(value: Any) -> dict[str, Any]:
    """Returns the fields of a dataclass without copying them; nested dataclasses are converted by the encoder."""
    if not dataclasses.is_dataclass(value):
        raise TypeError(f"a {type(value).__name__} is not JSON")
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
