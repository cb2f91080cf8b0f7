"""Signed routes: the routes that a signed URL may open, and their resources, read from the contracts."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from google.api import annotations_pb2
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from atelier.type.v1 import access_pb2
from atelier_service.contracts import load_contracts
from atelier_service.errors import InvalidArgumentError

Resource = Mapping[str, str]
"""The fields of a request that identify one resource, as text."""


@dataclass(frozen=True, slots=True)
class SignedRoute:
    """A GET route whose response is a stream: of bytes, or of events.

    `fields` are the fields of the request that a signature covers: those of the path, and those of the query that the
    contract names. The others (a thumbnail's width, where to resume) may vary.
    """

    template: str
    request_type: type[Message]
    fields: tuple[str, ...]

    def resource(self, request: Message) -> Resource:
        """Returns the resource that `request` names."""
        return {name: str(getattr(request, name)) for name in self.fields}

    def parse(self, path: str, query: str) -> Resource | None:
        """Returns the resource that a GET of this path and query names; None when the path is of another route.

        Raises:
            ValueError: The query is malformed, or repeats a variable of the path.
            json_format.ParseError: The query has an unknown field, or a value of the wrong type.
        """
        match = re.fullmatch(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(self.template)), path)
        if match is None:
            return None
        values: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
        if values.keys() & match.groupdict().keys():
            raise ValueError("a variable of the path stands in the query")
        values |= {name: unquote(value) for name, value in match.groupdict().items()}
        return self.resource(json_format.ParseDict(values, self.request_type()))


def parse_url(url: str) -> tuple[str, Resource]:
    """Returns the template of the route of a GET of `url` (a path with an optional query), and the resource.

    Raises:
        InvalidArgumentError: No signed URL can open it.
    """
    try:
        parts = urlsplit(url)
        if not parts.scheme and not parts.netloc and not parts.fragment:
            for route in _all_routes():
                if (resource := route.parse(parts.path, parts.query)) is not None:
                    return route.template, resource
    except (ValueError, json_format.ParseError) as error:
        raise InvalidArgumentError.of_field("urls", f"{url!r} is not understood") from error
    raise InvalidArgumentError.of_field("urls", f"{url!r} is nothing that a signed URL may open")


def with_signature(url: str, signature: str) -> str:
    """Returns `url` with the signature in its query."""
    return f"{url}{'&' if '?' in url else '?'}sig={quote(signature, safe='')}"


@cache
def route_of(method: str) -> SignedRoute | None:
    """Returns the route of `/package.Service/Method`; None when no signed URL opens it."""
    found = _find(method)
    return None if found is None else next(iter(_routes(found)), None)


def _find(method: str) -> MethodDescriptor | None:
    service, _, name = method.strip("/").rpartition("/")
    try:
        return descriptor_pool.Default().FindMethodByName(f"{service}.{name}")
    except KeyError:
        return None


def _path_fields(template: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\{(\w+)\}", template))


@cache
def record_of_stream(method: str, template: str) -> SignedRoute | None:
    """Returns the route of a stream for the GET of its record, which serves a HEAD; see head.lua of the gateway.

    Args:
        method: `/package.Service/Method`.
        template: Template of the stream's route.

    Returns:
        The route, whose resource is read from requests for the record; None when `method` returns another record.
    """
    record = "/api/v1/system/status" if template == "/api/v1/events" else template.removesuffix("/events")
    found = _find(method)
    if found is None or record == template or found.GetOptions().Extensions[annotations_pb2.http].get != record:
        return None
    return SignedRoute(template, message_factory.GetMessageClass(found.input_type), _path_fields(template))


def _routes(method: MethodDescriptor) -> Iterator[SignedRoute]:
    options = method.GetOptions()
    rule = options.Extensions[access_pb2.access]
    template = options.Extensions[annotations_pb2.http].get
    if template and method.server_streaming and rule.scope == access_pb2.READ:
        fields = (*_path_fields(template), *rule.signed_fields)
        yield SignedRoute(template, message_factory.GetMessageClass(method.input_type), fields)


@cache
def _all_routes() -> tuple[SignedRoute, ...]:
    """Returns the signed routes of every service, each template once."""
    found: dict[str, SignedRoute] = {}
    for contract in load_contracts():
        for service in contract.services_by_name.values():
            for method in service.methods:
                found |= {route.template: route for route in _routes(method)}
    return tuple(found.values())
