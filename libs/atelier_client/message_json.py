"""JSON of messages, including those with a detail of an unknown type."""

import json
from typing import Any, TypeVar

from google.protobuf import descriptor_pool, json_format
from google.protobuf.message import Message

M = TypeVar("M", bound=Message)


def parse(text: str | bytes, kind: type[M]) -> M:
    """Parses a message; unknown fields and details are ignored.

    Raises:
        ParseError: It is not JSON, or not of this message.
        UnicodeDecodeError: It is not UTF-8.
    """
    try:
        return json_format.Parse(text, kind(), ignore_unknown_fields=True)
    except json_format.ParseError:
        try:
            known = _known(json.loads(text))
        except json.JSONDecodeError as error:
            raise json_format.ParseError(str(error)) from error
        return json_format.ParseDict(known, kind(), ignore_unknown_fields=True)


def fields(message: Message) -> dict[str, Any]:
    """Returns a message as the REST API writes it, without details of unknown types."""
    try:
        return _printed(message)
    except TypeError:  # what MessageToDict raises for an Any of an unknown type
        known = type(message)()
        known.CopyFrom(message)
        _drop_unknown(known)
        return _printed(known)


def _printed(message: Message) -> dict[str, Any]:
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _known(value: Any) -> Any:
    """`value` without the members that are an `Any` of an unknown type."""
    if isinstance(value, list):
        return [_known(item) for item in value]
    if isinstance(value, dict):
        return {name: _known(item) for name, item in value.items() if not _is_unknown(item)}
    return value


def _is_unknown(value: Any) -> bool:
    return isinstance(value, dict) and "@type" in value and not _is_type(str(value["@type"]))


def _drop_unknown(message: Message) -> None:
    for field, value in message.ListFields():
        if field.message_type is None or field.is_repeated:
            continue
        if field.message_type.full_name == "google.protobuf.Any" and not _is_type(value.type_url):
            message.ClearField(field.name)
        else:
            _drop_unknown(value)


def _is_type(url: str) -> bool:
    try:
        descriptor_pool.Default().FindMessageTypeByName(url.rpartition("/")[2])
    except KeyError:
        return False
    return True
