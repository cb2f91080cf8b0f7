"""The Lua script that refuses requests with what the contract does not know; the contract is its tables.

The scripts under envoy/contract are joined into one, after the table `CONTRACT`:

- `messages`: full name → a row for each field: name, JSON name, kind, is_list, kind of a map's key, oneof;
- `enums`: full name → the names of its values;
- `routes`: verb → a row for each route: path, its variables, request, field of the body or `*`, whether that is a file.
  A path with variables is a pattern that captures them.

A kind is a scalar's (`uint32`, `string` …), `json` for a string that holds JSON, or the full name of an enum or
message.
"""

import re
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool

from atelier_gateway.contract import Binding, Method, raw_json_fields

_VARIABLE = re.compile(r"\{(\w+)\}")
_MAGIC = re.compile(r"([^\w/])")


_SCRIPTS = ("kinds", "problem", "json", "scalars", "suggestion", "body", "url", "request", "runtime")
"""In this order: each may use the definitions of those before it."""


def contract_script(folder: Path, descriptor_set: Path, methods: tuple[Method, ...]) -> str:
    """Returns the whole script.

    Args:
        folder: Folder that holds its parts.
        descriptor_set: File that holds a serialized `google.protobuf.FileDescriptorSet`.
        methods: The RPCs whose requests it checks.
    """
    parts = [(folder / f"{name}.lua").read_text("utf-8") for name in _SCRIPTS]
    return "\n".join([_contract(descriptor_set, methods), *parts])


def _contract(descriptor_set: Path, methods: tuple[Method, ...]) -> str:
    pool = DescriptorPool()
    files = FileDescriptorSet.FromString(descriptor_set.read_bytes())
    for file in files.file:
        pool.Add(file)
    tables = _Tables(raw_json_fields(files))
    routes: dict[str, list[Any]] = {}
    for method in methods:
        request = pool.FindMethodByName(f"{method.service}.{method.name}").input_type
        tables.add(request)
        for binding in method.bindings:
            row = [_path(binding), _VARIABLE.findall(binding.template), request.full_name, binding.body]
            routes.setdefault(binding.verb, []).append([*row, method.takes_bytes])
    contract = {"messages": tables.messages, "enums": tables.enums, "routes": routes}
    return f"local CONTRACT = {_to_lua(contract)}\n"


def _path(binding: Binding) -> str:
    if binding.is_literal:
        return binding.template
    parts = _VARIABLE.split(binding.template)
    return "^" + "([^/]+)".join(_MAGIC.sub(r"%\1", literal) for literal in parts[::2]) + "$"


class _Tables:
    """The tables of messages and enums that are reachable from requests."""

    def __init__(self, raw_json: frozenset[str]) -> None:
        self._raw_json = raw_json
        self.messages: dict[str, list[list[Any]]] = {}
        self.enums: dict[str, list[str]] = {}

    def add(self, message: Descriptor) -> None:
        """Adds a message and every message and enum that it refers to."""
        if message.full_name in self.messages:
            return
        rows = self.messages[message.full_name] = []
        for field in message.fields:
            key = self._map_key(field)
            held = field.message_type.fields_by_name["value"] if key and field.message_type else field
            is_list = field.is_repeated and not key
            rows.append([field.name, field.json_name, self._kind(held), is_list, key, _oneof(field)])

    def _kind(self, field: FieldDescriptor) -> str:
        if field.full_name in self._raw_json:
            return "json"
        if field.message_type is not None:
            # A well-known type has its own JSON form, which the script knows by name.
            if field.message_type.file.package != "google.protobuf" or field.message_type.name == "Empty":
                self.add(field.message_type)
            return field.message_type.full_name
        if field.enum_type is not None:
            self._add_enum(field.enum_type)
            return field.enum_type.full_name
        return FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()  # type: ignore[arg-type]

    def _add_enum(self, enum: EnumDescriptor) -> None:
        if enum.full_name != "google.protobuf.NullValue":
            self.enums[enum.full_name] = [value.name for value in enum.values]

    def _map_key(self, field: FieldDescriptor) -> str | None:
        if field.message_type is None or not field.message_type.GetOptions().map_entry:
            return None
        return self._kind(field.message_type.fields_by_name["key"])


def _oneof(field: FieldDescriptor) -> str | None:
    """The oneof of a field. The synthetic oneof of an `optional` field, whose name begins with `_`, does not count."""
    group = field.containing_oneof
    return None if group is None or group.name.startswith("_") else group.name


def _to_lua(value: Any) -> str:
    """Returns a Lua literal of dicts, lists, strings, booleans and None."""
    if isinstance(value, dict):
        return "{" + ",".join(f"[{_to_lua(key)}]={_to_lua(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ",".join(map(_to_lua, value)) + "}"
    if isinstance(value, str):
        return '"' + re.sub(r'["\\\n]', lambda found: f"\\{ord(found[0]):03}", value) + '"'
    return {True: "true", False: "false", None: "nil"}[value]
