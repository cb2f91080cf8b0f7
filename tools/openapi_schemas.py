"""Messages as JSON Schemas, the way the gateway writes them: the contract's names, enums by name, int64 as string."""

from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Proto

from atelier.type.v1 import access_pb2
from tools.openapi_contract import Contract, Field, Message
from tools.openapi_rules import (
    Schema,
    choices,
    is_always_there,
    is_required,
    item_rules,
    keywords,
    remarks,
    rules_of,
)

ANY = "google.protobuf.Any"
HTTP_BODY = "google.api.HttpBody"
EMPTY = "google.protobuf.Empty"

# A string that holds JSON: a request may hold the JSON itself.
_RAW_JSON: Schema = {"type": ["string", "object", "array", "number", "boolean"]}
_INT64: Schema = {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"}
_SCALARS: dict[int, Schema] = {
    Proto.TYPE_BOOL: {"type": "boolean"},
    Proto.TYPE_STRING: {"type": "string"},
    Proto.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    Proto.TYPE_DOUBLE: {"type": "number", "format": "double"},
    Proto.TYPE_FLOAT: {"type": "number", "format": "float"},
    Proto.TYPE_INT32: {"type": "integer", "format": "int32"},
    Proto.TYPE_UINT32: {"type": "integer", "minimum": 0, "maximum": (1 << 32) - 1},
    Proto.TYPE_INT64: _INT64,
    Proto.TYPE_UINT64: {"type": "string", "format": "uint64", "pattern": "^[0-9]+$"},
}
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?s$"},
    EMPTY: {"type": "object", "additionalProperties": False},
    ANY: {
        "type": "object",
        "description": "One detail; `@type` says which.",
        "properties": {"@type": {"type": "string"}},
        "required": ["@type"],
        "additionalProperties": True,
    },
}
# What other APIs fill in and this one does not.
_UNUSED = {"google.rpc.BadRequest.FieldViolation": frozenset({"reason", "localized_message"})}


def short_name(full_name: str) -> str:
    """`atelier.storage.v1.Asset.Source` is `Asset.Source`: what follows the package."""
    parts = full_name.split(".")
    first = next(index for index, part in enumerate(parts) if part[0].isupper())
    return ".".join(parts[first:])


class Schemas:
    """The schemas that the document refers to. What a request holds is told apart from what an answer holds where
    one message does both: only requests are bound by the rules."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._components: dict[str, Schema] = {}
        self._origin: dict[str, str] = {}

    @property
    def components(self) -> dict[str, Schema]:
        """Everything that was referred to, by name."""
        return dict(sorted(self._components.items()))

    def refer(self, full_name: str, *, as_input: bool = False) -> Schema:
        """A reference to a message's or an enum's schema, which becomes part of the document."""
        if full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[full_name])
        if enum := self._contract.enums.get(full_name):
            lines = [f"- `{name}`: {comment}" for name, comment in enum.values]
            schema = {
                "type": "string",
                "enum": [name for name, _ in enum.values],
                "description": "\n".join([enum.comment, "", *lines]),
            }
            return self._add(short_name(full_name), full_name, schema)
        message = self._contract.messages[full_name]
        name = short_name(full_name)
        if as_input and not name.endswith("Request"):
            name += "Input"
        if self._origin.get(name) != full_name:
            self._add(name, full_name, {})  # before its fields: a message may hold itself
            self._components[name].update(self.object(message, as_input=as_input))
        return {"$ref": f"#/components/schemas/{name}"}

    def _add(self, name: str, full_name: str, schema: Schema) -> Schema:
        if self._origin.setdefault(name, full_name) != full_name:
            raise ValueError(f"two schemas would be named {name}: {self._origin[name]} and {full_name}")
        self._components.setdefault(name, schema)
        return {"$ref": f"#/components/schemas/{name}"}

    def object(self, message: Message, *, as_input: bool, without: frozenset[str] = frozenset()) -> Schema:
        """A message's own schema, not a reference; `without` names fields to leave out."""
        without = without | _UNUSED.get(message.name, frozenset())
        fields = [field for field in message.fields if not (field.name in without or field.is_for_services)]
        schema: Schema = {
            "type": "object",
            "description": message.comment,
            "properties": {field.name: self.value(field, as_input=as_input) for field in fields},
        }
        is_needed = _must_be_sent if as_input else _is_always_there
        if required := [field.name for field in fields if is_needed(field)]:
            schema["required"] = required
        if as_input:
            schema["additionalProperties"] = False
        return schema

    def value(self, field: Field, *, as_input: bool) -> Schema:
        """What a field holds, with its comment and, for a request, its rules."""
        rules = rules_of(field.proto)
        inner = keywords(item_rules(rules)) if as_input else {}
        entry = self._contract.messages.get(field.type_name)
        if entry is not None and entry.is_map_entry:
            one = self._one(entry.field("value"), as_input=as_input) | inner
            schema: Schema = {"type": "object", "additionalProperties": one}
        elif field.is_repeated:
            schema = {"type": "array", "items": self._one(field, as_input=as_input) | inner}
        else:
            schema = self._one(field, as_input=as_input)
        schema = schema | (keywords(rules) if as_input else choices(rules))
        sentences = [field.comment, *(self._remarks(field) if as_input else [])]
        if description := " ".join(sentence for sentence in sentences if sentence):
            schema = schema | {"description": description}
        return schema

    def _remarks(self, field: Field) -> list[str]:
        """What a caller should know that no keyword can say."""
        found = remarks(rules_of(field.proto))
        enum = self._contract.enums.get(field.type_name)
        if enum and enum.unspecified and "when left out" not in field.comment:
            found.append(f"When left out: {enum.unspecified[:1].lower()}{enum.unspecified[1:]}")
        return found

    def _one(self, field: Field, *, as_input: bool) -> Schema:
        if field.type_name:
            return self.refer(field.type_name, as_input=as_input)
        if as_input and field.proto.options.Extensions[access_pb2.raw_json]:
            return dict(_RAW_JSON)
        return dict(_SCALARS[field.proto.type])


def _must_be_sent(field: Field) -> bool:
    return is_required(rules_of(field.proto))


def _is_always_there(field: Field) -> bool:
    return not field.has_presence or is_always_there(rules_of(field.proto))
