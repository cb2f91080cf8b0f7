"""The contracts as the OpenAPI document needs them: descriptors, with the comments that belong to them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)

from atelier.type.v1 import access_pb2
from atelier_gateway.contract import is_framed

_VERBS = ("get", "put", "post", "delete", "patch")
# Field numbers in descriptor.proto, of which the paths of source_code_info are made.
_FILE_MESSAGE, _FILE_ENUM, _FILE_SERVICE = 4, 5, 6
_MESSAGE_FIELD, _MESSAGE_NESTED, _MESSAGE_ENUM = 2, 3, 4
_ENUM_VALUE, _SERVICE_METHOD = 2, 2


@dataclass(frozen=True)
class Field:
    """One field of a message."""

    proto: FieldDescriptorProto
    comment: str

    @property
    def name(self) -> str:
        """Its name in JSON: the contract's own."""
        return self.proto.name

    @property
    def is_repeated(self) -> bool:
        """True for lists and maps."""
        return self.proto.label == FieldDescriptorProto.LABEL_REPEATED

    @property
    def has_presence(self) -> bool:
        """True when an answer may lack it: the gateway prints every other field, also at its default."""
        is_message = self.proto.type == FieldDescriptorProto.TYPE_MESSAGE
        return not self.is_repeated and (is_message or self.proto.HasField("oneof_index"))

    @property
    def is_for_services(self) -> bool:
        """True when only services of the mesh may send it."""
        return self.comment.startswith("Services only:")

    @property
    def type_name(self) -> str:
        """Full name of its message or enum; empty for scalars."""
        return self.proto.type_name.removeprefix(".")


@dataclass(frozen=True)
class Message:
    """A message with its fields."""

    name: str
    comment: str
    fields: tuple[Field, ...]
    is_map_entry: bool

    def field(self, name: str) -> Field:
        """The field of that name. Raises KeyError."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"{self.name}.{name}")


@dataclass(frozen=True)
class Enum:
    """An enum; `values` holds names and comments, in order, without the zero value: nobody sends that."""

    name: str
    comment: str
    values: tuple[tuple[str, str], ...]
    unspecified: str
    """What it means to leave it out; empty when nothing is filled in."""


@dataclass(frozen=True)
class Binding:
    """One REST route."""

    verb: str
    template: str
    body: str


@dataclass(frozen=True)
class Rpc:
    """A public RPC."""

    service: str
    proto: MethodDescriptorProto
    comment: str
    bindings: tuple[Binding, ...]
    access: access_pb2.AccessRule

    @property
    def needs_credentials(self) -> bool:
        """False when anybody may call it."""
        return self.access.caller != access_pb2.ANYBODY

    @property
    def scope(self) -> str:
        """The scope that a credential needs; empty when any will do."""
        return access_pb2.Scope.Name(self.access.scope).lower() if self.access.scope else ""


@dataclass(frozen=True)
class Contract:
    """Everything that the contracts say. Names are full names without the leading dot."""

    messages: dict[str, Message]
    enums: dict[str, Enum]
    services: dict[str, str]
    """Comments of the services that have a public RPC."""
    rpcs: tuple[Rpc, ...]


class _File:
    """Walks one file."""

    def __init__(self, proto: FileDescriptorProto) -> None:
        self.proto = proto
        self._comments = {
            tuple(location.path): " ".join(location.leading_comments.split(" ")).strip()
            for location in proto.source_code_info.location
        }

    def _comment(self, *path: int) -> str:
        lines = (line.strip() for line in self._comments.get(path, "").splitlines())
        text = "\n".join(lines)
        # Of Google's messages the first sentence: the rest gives examples of other APIs.
        return text if self.proto.package.startswith("atelier.") else re.split(r"(?<=\.)\s", text, maxsplit=1)[0]

    def messages(self) -> Iterator[Message]:
        for index, message in enumerate(self.proto.message_type):
            yield from self._message(message, self.proto.package, (_FILE_MESSAGE, index))

    def _message(self, proto: DescriptorProto, scope: str, path: tuple[int, ...]) -> Iterator[Message]:
        name = f"{scope}.{proto.name}"
        fields = tuple(
            Field(field, self._comment(*path, _MESSAGE_FIELD, index)) for index, field in enumerate(proto.field)
        )
        yield Message(name, self._comment(*path), fields, proto.options.map_entry)
        for index, nested in enumerate(proto.nested_type):
            yield from self._message(nested, name, (*path, _MESSAGE_NESTED, index))

    def enums(self) -> Iterator[Enum]:
        for index, enum in enumerate(self.proto.enum_type):
            yield self._enum(enum, self.proto.package, (_FILE_ENUM, index))
        for index, message in enumerate(self.proto.message_type):
            for inner, enum in enumerate(message.enum_type):
                scope = f"{self.proto.package}.{message.name}"
                yield self._enum(enum, scope, (_FILE_MESSAGE, index, _MESSAGE_ENUM, inner))

    def _enum(self, proto: EnumDescriptorProto, scope: str, path: tuple[int, ...]) -> Enum:
        (_, unspecified), *values = [
            (value.name, self._comment(*path, _ENUM_VALUE, index)) for index, value in enumerate(proto.value)
        ]
        unspecified = unspecified.removeprefix("Never sent.")
        return Enum(f"{scope}.{proto.name}", self._comment(*path), tuple(values), unspecified)

    def services(self) -> Iterator[tuple[str, str, list[Rpc]]]:
        for index, service in enumerate(self.proto.service):
            if is_framed(service.name):  # the other RPC with these routes says what they send
                continue
            path = (_FILE_SERVICE, index)
            rpcs = []
            for inner, method in enumerate(service.method):
                bindings = tuple(_bindings(method.options.Extensions[annotations_pb2.http]))
                if bindings:
                    comment = self._comment(*path, _SERVICE_METHOD, inner)
                    access = method.options.Extensions[access_pb2.access]
                    rpcs.append(Rpc(service.name, method, comment, bindings, access))
            if rpcs:
                yield service.name, self._comment(*path), rpcs


def _bindings(rule: http_pb2.HttpRule) -> Iterator[Binding]:
    for verb in _VERBS:
        if template := getattr(rule, verb):
            yield Binding(verb, template, rule.body)
    for additional in rule.additional_bindings:
        yield from _bindings(additional)


def read_contract(descriptor_set: Path) -> Contract:
    """Reads a descriptor set that was written with `--include_imports --include_source_info`."""
    files = [_File(proto) for proto in FileDescriptorSet.FromString(descriptor_set.read_bytes()).file]
    services = [service for file in files for service in file.services()]
    return Contract(
        messages={message.name: message for file in files for message in file.messages()},
        enums={enum.name: enum for file in files for enum in file.enums()},
        services={name: comment for name, comment, _ in services},
        rpcs=tuple(rpc for _, _, rpcs in services for rpc in rpcs),
    )
