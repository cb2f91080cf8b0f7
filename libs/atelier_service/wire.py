"""The wire format of protobuf: a scan for the field of a message whose text is invalid."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from atelier_service.field_path import as_written, entry, item, member

_LOOKED_AT = 10_000
"""Largest number of fields that are scanned, so that a large message costs no more than a few milliseconds."""
_DEEPEST = 100

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}


class _UnreadableError(Exception):
    """The bytes end within a field, hold a wire type that is not known, or too many fields."""


def find_invalid_text(descriptor: Descriptor, data: bytes) -> tuple[str, str] | None:
    """Finds the first string in `data` that is not UTF-8 or contains NUL.

    Args:
        descriptor: The type of the message.
        data: The encoded message, which may be malformed.

    Returns:
        The path of the field and what is wrong with its text; None when no such field was found.
    """
    try:
        found = next(_invalid(descriptor, data, "", iter(range(_LOOKED_AT)), 0), None)
    except _UnreadableError:
        return None
    return None if found is None else (as_written(found[0]), found[1])


def _invalid(
    descriptor: Descriptor, data: bytes, path: str, budget: Iterator[int], depth: int
) -> Iterator[tuple[str, str]]:
    seen: dict[int, int] = {}
    for number, value in _fields(data, budget):
        field: Any = descriptor.fields_by_number.get(number)
        if field is None:
            continue
        place = member(path, field.name)
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if field.is_repeated and not is_map:
            seen[number] = seen.get(number, -1) + 1
            place = item(place, seen[number])
        if is_map:
            yield from _invalid_entry(field.message_type, value, place, budget, depth + 1)
        else:
            yield from _invalid_value(field, value, place, budget, depth)


def _invalid_value(field: Any, value: bytes, path: str, budget: Iterator[int], depth: int) -> Iterator[tuple[str, str]]:
    if field.type == FieldDescriptor.TYPE_STRING:
        if problem := _problem(value):
            yield path, problem
    elif field.message_type is not None and depth < _DEEPEST:
        yield from _invalid(field.message_type, value, path, budget, depth + 1)


def _invalid_entry(
    kind: Descriptor, data: bytes, path: str, budget: Iterator[int], depth: int
) -> Iterator[tuple[str, str]]:
    """Yields the path of an entry of a map; the path of the map when the key itself is invalid."""
    found = dict(_fields(data, budget))
    key = found.get(1, b"")
    if problem := _problem(key):
        yield path, problem
    elif 2 in found:
        yield from _invalid_value(kind.fields_by_name["value"], found[2], entry(path, key.decode()), budget, depth)


def _problem(value: bytes) -> str:
    """Returns what is wrong with a text, or the empty string. PostgreSQL stores no NUL."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return "is not valid UTF-8"
    return "must not hold a NUL character" if b"\0" in value else ""


def _fields(data: bytes, budget: Iterator[int]) -> Iterator[tuple[int, bytes]]:
    """Yields number and value of the fields whose wire type is bytes."""
    position = 0
    while position < len(data):
        if next(budget, None) is None:
            raise _UnreadableError
        tag, position = _varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _VARINT:
            _, position = _varint(data, position)
        elif wire_type in _SIZES:
            position += _SIZES[wire_type]
        elif wire_type == _BYTES:
            length, position = _varint(data, position)
            end = position + length
            if end > len(data):
                raise _UnreadableError
            yield number, data[position:end]
            position = end
        else:
            raise _UnreadableError


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Returns a number, and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise _UnreadableError
