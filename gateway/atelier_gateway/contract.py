"""The public RPCs of the contracts and their REST routes, read from the descriptor set."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_VERBS = ("get", "put", "post", "delete", "patch")
_HTTP_BODY = ".google.api.HttpBody"
_FRAMED = "StreamService"


def is_framed(service: str) -> bool:
    """Whether `service` writes the streams of another service as REST sends them; it has the routes of that service."""
    return service.endswith(_FRAMED)


@dataclass(frozen=True, slots=True)
class Binding:
    """One REST route of an RPC."""

    verb: str
    """GET, POST, …"""
    template: str
    """Path with variables, such as `/api/v1/images/{id}`."""
    body: str
    """Field that the body fills, `*` for the whole message, empty for no body."""

    @property
    def is_literal(self) -> bool:
        """True when the path holds no variable."""
        return "{" not in self.template

    @property
    def pattern(self) -> str:
        """A regular expression that matches the whole path."""
        parts = re.split(r"\{[^}]+\}", self.template)
        return "[^/]+".join(re.escape(part) for part in parts)


@dataclass(frozen=True, slots=True)
class Method:
    """One public RPC: one that has an HTTP annotation."""

    service: str
    """Full name of the service, such as `atelier.image.v1.ImageService`."""
    name: str
    bindings: tuple[Binding, ...]
    streams_in: bool
    streams_out: bool
    takes_bytes: bool
    """True when the body of the REST request is a file."""
    gives_bytes: bool
    """True when the response is a file."""
    takes_raw_json: bool = False
    """True when the body holds a field of raw JSON, such as a graph: such bodies may be larger."""

    @property
    def path(self) -> str:
        """The gRPC path."""
        return f"/{self.service}/{self.name}"

    @property
    def is_framed(self) -> bool:
        """True when it writes another RPC's stream as REST sends it."""
        return is_framed(self.service)

    @property
    def is_read(self) -> bool:
        """True when a repeat has no effect."""
        return all(binding.verb == "GET" for binding in self.bindings)


def _bindings(rule: http_pb2.HttpRule) -> Iterator[Binding]:
    for verb in _VERBS:
        if template := getattr(rule, verb):
            yield Binding(verb.upper(), template, rule.body)
    for additional in rule.additional_bindings:
        yield from _bindings(additional)


def raw_json_fields(files: FileDescriptorSet) -> frozenset[str]:
    """Returns the full names of the strings that hold JSON: fields with the option `raw_json`.

    Args:
        files: The contracts, with the files that define their options.
    """
    pool = DescriptorPool()
    for file in files.file:
        pool.Add(file)
    raw_json: Any = pool.FindExtensionByName("atelier.type.v1.raw_json")
    options = GetMessageClass(pool.FindMessageTypeByName("google.protobuf.FieldOptions"))
    return frozenset(
        f"{file.package}.{message.name}.{field.name}"
        for file in files.file
        for message in file.message_type
        for field in message.field
        if options.FromString(field.options.SerializeToString()).Extensions[raw_json]
    )


def read_methods(descriptor_set: Path) -> tuple[Method, ...]:
    """Reads the public RPCs: those with an HTTP annotation. All others are internal.

    Args:
        descriptor_set: File that holds a serialized `google.protobuf.FileDescriptorSet`.

    Returns:
        The RPCs in the order of the contracts.
    """
    files = FileDescriptorSet.FromString(descriptor_set.read_bytes())
    fields = {
        f".{file.package}.{message.name}": {field.name: field.type_name for field in message.field}
        for file in files.file
        for message in file.message_type
    }
    raw = {f".{name.rpartition('.')[0]}" for name in raw_json_fields(files)}
    found = []
    for file in files.file:
        for service in file.service:
            for method in service.method:
                bindings = tuple(_bindings(method.options.Extensions[annotations_pb2.http]))
                if not bindings:
                    continue
                bodies = {fields[method.input_type].get(binding.body, "") for binding in bindings}
                takes_bytes = any(fields[method.input_type].get(binding.body) == _HTTP_BODY for binding in bindings)
                found.append(
                    Method(
                        service=f"{file.package}.{service.name}",
                        name=method.name,
                        bindings=bindings,
                        streams_in=method.client_streaming,
                        streams_out=method.server_streaming,
                        takes_bytes=takes_bytes,
                        gives_bytes=method.output_type == _HTTP_BODY and not is_framed(service.name),
                        takes_raw_json=bool(bodies & raw),
                    )
                )
    return tuple(found)
