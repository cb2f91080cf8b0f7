"""JSON bodies of a message, made from its descriptor as proto3 JSON allows them, and places in them to break."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import strategies as st

F = FieldDescriptor

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


def _whole(least: int, most: int) -> st.SearchStrategy[Any]:
    numbers = st.integers(least, most) | st.sampled_from([least, most])
    return numbers | numbers.map(str)


def _real(width: Literal[32, 64]) -> st.SearchStrategy[Any]:
    numbers = st.floats(width=width, allow_nan=False, allow_infinity=False)
    return numbers | st.integers(-(2**24), 2**24) | st.sampled_from(["NaN", "Infinity", "-Infinity", "1.5"])


_BYTES = st.binary(max_size=6).map(lambda data: base64.b64encode(data).decode())
_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    F.TYPE_DOUBLE: _real(64), F.TYPE_FLOAT: _real(32), F.TYPE_BOOL: st.booleans(), F.TYPE_STRING: TEXT,
    F.TYPE_BYTES: _BYTES,
    **dict.fromkeys((F.TYPE_INT32, F.TYPE_SINT32, F.TYPE_SFIXED32), _whole(-(2**31), 2**31 - 1)),
    **dict.fromkeys((F.TYPE_INT64, F.TYPE_SINT64, F.TYPE_SFIXED64), _whole(-(2**63), 2**63 - 1)),
    **dict.fromkeys((F.TYPE_UINT32, F.TYPE_FIXED32), _whole(0, 2**32 - 1)),
    **dict.fromkeys((F.TYPE_UINT64, F.TYPE_FIXED64), _whole(0, 2**64 - 1)),
}  # fmt: skip
_KEYS: dict[int, st.SearchStrategy[str]] = {
    F.TYPE_STRING: TEXT,
    F.TYPE_BOOL: st.sampled_from(["true", "false"]),
    F.TYPE_INT32: st.integers(-(2**31), 2**31 - 1).map(str),
    F.TYPE_UINT64: st.integers(0, 2**64 - 1).map(str),
}
_WELL_KNOWN: dict[str, st.SearchStrategy[Any]] = {
    "Struct": st.dictionaries(TEXT, _JSON, max_size=3),
    "ListValue": st.lists(_JSON, max_size=3),
    "Value": _JSON,
    "Timestamp": st.datetimes().map(lambda time: f"{time.replace(microsecond=0).isoformat()}Z"),
    "Duration": st.integers(-1000, 1000).map(lambda s: f"{s}s"),
    "FieldMask": st.sampled_from(["", "a", "a,bC"]),
}


def _message(field: FieldDescriptor) -> Descriptor:
    assert field.message_type is not None
    return field.message_type


def is_map(field: FieldDescriptor) -> bool:
    """True for a map, which descriptors show as a list of entries."""
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def is_known_message(field: FieldDescriptor) -> bool:
    """True when the value is an object with fields of the contract."""
    message = field.message_type
    return message is not None and message.file.package != "google.protobuf" and not is_map(field)


def single(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    """One value of a field, or of an item of it."""
    if field.enum_type is not None:
        return st.sampled_from([value.name for value in field.enum_type.values]) | st.integers(0, 100)
    if field.message_type is None:
        return _SCALARS[field.type]
    if is_known_message(field):
        return bodies(field.message_type, depth - 1)
    name = field.message_type.name
    return _WELL_KNOWN[name] if name in _WELL_KNOWN else _SCALARS[field.message_type.fields_by_name["value"].type]


def values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    """All of a field; null leaves it out."""
    if is_map(field):
        entry = _message(field).fields_by_name
        return st.none() | st.dictionaries(_KEYS[entry["key"].type], single(entry["value"], depth), max_size=2)
    if field.is_repeated:
        return st.none() | st.lists(single(field, depth), max_size=2)
    return st.none() | single(field, depth)


@st.composite
def bodies(draw: st.DrawFn, message: Descriptor, depth: int = 2) -> dict[str, Any]:
    """A JSON object of a message, some of its fields by the one and some by the other of their names."""
    fields = [field for field in message.fields if depth > 0 or not _holds_messages(field)]
    chosen = draw(st.lists(st.sampled_from(fields), max_size=5, unique_by=lambda f: f.name)) if fields else []
    body, groups = {}, set()
    for field in chosen:
        if field.containing_oneof is not None:
            if field.containing_oneof.name in groups:
                continue
            groups.add(field.containing_oneof.name)
        body[draw(st.sampled_from([field.name, field.json_name]))] = draw(values(field, depth))
    return body


def _holds_messages(field: FieldDescriptor) -> bool:
    held = _message(field).fields_by_name["value"] if is_map(field) else field
    return is_known_message(held)


@dataclass(frozen=True)
class Place:
    """An object of the contract within a body, and where it is."""

    path: str
    message: Descriptor
    content: dict[str, Any]


def _entry(path: str, key: str) -> str:
    plain = key.replace("-", "").replace("_", "").isalnum() and key.isascii()
    return f"{path}.{key}" if plain else ""


def places(body: dict[str, Any], message: Descriptor, path: str = "") -> Iterator[Place]:
    """All objects whose fields the contract knows; not below keys that are no plain names."""
    yield Place(path, message, body)
    fields = {name: field for field in message.fields for name in (field.name, field.json_name)}
    for name, value in body.items():
        field, at = fields[name], f"{path}.{name}" if path else name
        if value is None:
            continue
        if is_map(field):
            held = _message(field).fields_by_name["value"]
            below = [(_entry(at, key), item) for key, item in value.items()]
        elif field.is_repeated:
            held, below = field, [(f"{at}[{index}]", item) for index, item in enumerate(value)]
        else:
            held, below = field, [(at, value)]
        for where, item in below:
            if is_known_message(held) and where:
                yield from places(item, _message(held), where)


class Raw(str):
    """A piece of a body that is written as it is."""


class Twice:
    """A value whose name is written two times."""

    def __init__(self, value: Any) -> None:
        self.value = value


def written(value: Any, space: str = "", ascii_only: bool = True) -> str:
    """JSON, with room for what `json` does not write."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        members = []
        for name, item in value.items():
            times, item = (2, item.value) if isinstance(item, Twice) else (1, item)
            text = json.dumps(name, ensure_ascii=ascii_only)
            members += [f"{text}{space}:{space}{written(item, space, ascii_only)}"] * times
        return "{" + space + f"{space},{space}".join(members) + space + "}"
    if isinstance(value, list):
        return "[" + space + f",{space}".join(written(item, space, ascii_only) for item in value) + space + "]"
    return json.dumps(value, ensure_ascii=ascii_only)
