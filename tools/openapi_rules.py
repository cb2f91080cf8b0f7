"""Field rules (protovalidate) as JSON Schema keywords."""

import re
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from google.protobuf.message import Message as ProtoMessage

from tools.generated.buf.validate import validate_pb2

Schema = dict[str, Any]

_BOUNDS = {"gte": "minimum", "lte": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
_TEXT = {"min_len": "minLength", "max_len": "maxLength", "len": "length", "pattern": "pattern"}
_LIST = {"min_items": "minItems", "max_items": "maxItems"}
_MAP = {"min_pairs": "minProperties", "max_pairs": "maxProperties"}
_MULTIPLE = re.compile(r"this % (\d+)u? == 0u?")


def rules_of(field: FieldDescriptorProto) -> validate_pb2.FieldRules:
    """The rules that the contract writes on a field; empty when there are none."""
    return field.options.Extensions[validate_pb2.field]


def is_required(rules: validate_pb2.FieldRules) -> bool:
    """True when a request without the field is refused."""
    if rules.ignore != validate_pb2.IGNORE_UNSPECIFIED:
        return False
    return rules.required or rules.string.min_len > 0 or rules.repeated.min_items > 0


def is_always_there(rules: validate_pb2.FieldRules) -> bool:
    """True when the contract promises a message field of an answer."""
    return rules.required


def choices(rules: validate_pb2.FieldRules) -> Schema:
    """The only values that a text may have, where the contract lists them."""
    allowed = getattr(rules.string, "in")
    return {"enum": list(allowed)} if allowed else {}


def _given(rules: ProtoMessage, names: dict[str, str]) -> Schema:
    return {names[field.name]: value for field, value in rules.ListFields() if field.name in names}


def keywords(rules: validate_pb2.FieldRules) -> Schema:
    """Keywords for the value itself: of a list or a map, those that count its elements."""
    kind = rules.WhichOneof("type")
    found: Schema = {}
    if kind == "string":
        found = _given(rules.string, _TEXT)
        if "length" in found:
            found["minLength"] = found["maxLength"] = found.pop("length")
        found |= choices(rules)
    elif kind == "repeated":
        found = _given(rules.repeated, _LIST)
        if rules.repeated.unique:
            found["uniqueItems"] = True
    elif kind == "map":
        found = _given(rules.map, _MAP)
        if names := keywords(rules.map.keys):
            found["propertyNames"] = names
    elif kind is not None:
        found = _given(getattr(rules, kind), _BOUNDS)
    for rule in rules.cel:
        if multiple := _MULTIPLE.fullmatch(rule.expression):
            found["multipleOf"] = int(multiple[1])
    return found


def remarks(rules: validate_pb2.FieldRules) -> list[str]:
    """Rules that no keyword can say, as sentences."""
    return [f"{rule.message[:1].upper()}{rule.message[1:]}." for rule in rules.cel if rule.message]


def item_rules(rules: validate_pb2.FieldRules) -> validate_pb2.FieldRules:
    """The rules of a list's items, or of a map's values."""
    return rules.map.values if rules.WhichOneof("type") == "map" else rules.repeated.items
