"""Routes: the REST request of a call, from the `google.api.http` annotations of the contract."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from google.api import annotations_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from atelier_client.errors import AtelierApiError


@dataclass(frozen=True)
class RestRequest:
    """A REST request: verb, path below the gateway, query pairs and the JSON body (None for none)."""

    verb: str
    path: str
    query: tuple[tuple[str, str], ...]
    body: Any | None

    @property
    def target(self) -> str:
        """Path and query. A space is `%20`: the transcoder reads `+` as a plus."""
        return self.path + ("?" + urlencode(self.query, quote_via=quote) if self.query else "")


@dataclass(frozen=True)
class Route:
    """One HTTP binding of a method: verb, path template such as `/api/v1/images/{id}`, and the field that is the body.

    `body` is empty for none, and `*` for all fields that are not in the path.
    """

    verb: str
    template: str
    body: str

    @classmethod
    def of(cls, method: MethodDescriptor) -> "Route":
        """Returns the first binding of `method`. Raises TypeError when it has none (the RPC is internal)."""
        rule = method.GetOptions().Extensions[annotations_pb2.http]
        verb = rule.WhichOneof("pattern")
        if verb is None:
            raise TypeError(f"{method.full_name} is not reachable over REST")
        return cls(verb.upper(), getattr(rule, verb), rule.body)

    def render(self, request: Message) -> RestRequest:
        """Returns the REST request that the gateway's transcoder converts to `request`.

        Raises:
            AtelierApiError: INVALID_ARGUMENT: a path parameter would change the path.
        """
        values = json_format.MessageToDict(request, preserving_proto_field_name=True)

        def parameter(match: re.Match[str]) -> str:
            name = match.group(1)
            values.pop(name, None)  # absent when it is 0, such as the index of a frame
            value = str(getattr(request, name))
            if value in ("", ".", ".."):
                raise AtelierApiError(
                    "INVALID_ARGUMENT",
                    "INVALID_FIELD",
                    f"{name}: {value!r} names nothing",
                    fields={name: "must be an id"},
                )
            return quote(value, safe="")

        path = re.sub(r"{(\w+)}", parameter, self.template)
        if self.body == "*":
            return RestRequest(self.verb, path, (), values)
        body = values.pop(self.body, {}) if self.body else None
        return RestRequest(self.verb, path, tuple(_query(values)), body)


def _query(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield from _query(item, f"{prefix}{name}.")
            elif isinstance(item, bool):
                yield prefix + name, "true" if item else "false"
            else:
                yield prefix + name, str(item)
