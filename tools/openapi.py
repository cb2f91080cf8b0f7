"""Writes the OpenAPI 3.1 document of the REST surface, from the contracts alone: annotations, comments and rules."""

import json
import re
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tools.openapi_answers import (
    error_codes,
    error_name,
    shared_errors,
    success_codes,
)
from tools.openapi_contract import Binding, Contract, Message, Rpc, read_contract
from tools.openapi_examples import ERRORS, REQUESTS, Examples, as_server_sent
from tools.openapi_headers import request_headers, shared_headers, success_headers
from tools.openapi_rules import Schema, is_required, rules_of
from tools.openapi_schemas import EMPTY, HTTP_BODY, Schemas, short_name
from tools.openapi_status import DETAILS, status_schema, tagged

_TITLE = "Atelier"
_ABOUT = (
    "Prompts become pictures and clips on machines that you own.\n\n"
    "Send `X-Api-Key: <key>`, or `Authorization: Bearer <key or token>`. Every error is a `Status`. Every answer has "
    "its trace in `X-Trace-Id`; a `traceparent` of yours is continued. The events of `GET /api/v1/events` also come "
    "over a WebSocket at `/ws/v1/events`, where a page gives its token as `?access_token=`."
)
_CREDENTIALS = ("bearer", "apiKey")
_BINARY: Schema = {"type": "string", "format": "binary"}
_ANY_BYTES = "application/octet-stream"
# Types that a comment names, such as `image/png`.
_MEDIA_TYPE = re.compile(r"`((?:application|image|video)/[\w.+-]+)`")


class _Document:
    """Collects paths, and the schemas that they need."""

    def __init__(self, contract: Contract, examples: Examples) -> None:
        self._contract = contract
        self._examples = examples
        self._schemas = Schemas(contract)
        self._paths: dict[str, dict[str, Any]] = {}
        self._shown: dict[str, dict[str, Any]] = {}

    def build(self) -> dict[str, Any]:
        """The whole document."""
        for rpc in self._contract.rpcs:
            for number, binding in enumerate(rpc.bindings):
                suffix = str(number + 1) if number else ""
                self._paths.setdefault(binding.template, {})[binding.verb] = self._operation(rpc, binding, suffix)
        return {
            "openapi": "3.1.0",
            "info": {
                "title": _TITLE,
                "version": "v1",
                "description": _ABOUT,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/", "description": "The gateway that serves this document."}],
            "security": [{name: []} for name in _CREDENTIALS],
            "tags": [{"name": n, "description": c} for n, c in sorted(self._contract.services.items())],
            "paths": {path: dict(sorted(verbs.items())) for path, verbs in sorted(self._paths.items())},
            "components": {
                "schemas": self._components(),
                "examples": dict(sorted(self._shown.items())),
                "responses": shared_errors(ERRORS),
                "headers": shared_headers(),
                "securitySchemes": {
                    "bearer": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "An API key, or a token that `createToken` returned.",
                    },
                    "apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "An API key."},
                },
            },
        }

    def _components(self) -> dict[str, Schema]:
        details = {name: self._schemas.refer(name) for name in DETAILS}
        schemas = self._schemas.components
        for name in DETAILS:
            schemas[short_name(name)] = tagged(name, schemas[short_name(name)])
        return dict(sorted({**schemas, "Status": status_schema(details)}.items()))

    def _operation(self, rpc: Rpc, binding: Binding, suffix: str) -> dict[str, Any]:
        body = self._body(rpc, binding)
        operation: dict[str, Any] = {
            "operationId": f"{rpc.proto.name[:1].lower()}{rpc.proto.name[1:]}{suffix}",
            "tags": [rpc.service],
            "summary": re.split(r"[.:;](?:\s|$)", rpc.comment.replace("\n", " "), maxsplit=1)[0],
            "description": f"{rpc.comment}\nScope: `{rpc.scope}`." if rpc.scope else rpc.comment,
            "responses": self._responses(rpc, body),
        }
        if parameters := self._parameters(rpc, binding):
            operation["parameters"] = parameters
        if body:
            operation["requestBody"] = body
        if not rpc.needs_credentials:
            operation["security"] = []
        elif rpc.scope:
            operation["security"] = [{name: [rpc.scope]} for name in _CREDENTIALS]
        return operation

    def _input(self, rpc: Rpc) -> Message:
        return self._contract.messages[rpc.proto.input_type.removeprefix(".")]

    def _parameters(self, rpc: Rpc, binding: Binding) -> list[dict[str, Any]]:
        in_path = re.findall(r"\{(\w+)\}", binding.template)
        found = []
        for field in self._input(rpc).fields:
            is_message = field.type_name in self._contract.messages
            if field.name in in_path:
                place, required = "path", True
            elif binding.body in ("*", field.name) or is_message or field.is_for_services:
                continue
            else:
                place, required = "query", is_required(rules_of(field.proto))
            schema = self._schemas.value(field, as_input=True)
            description = schema.pop("description", "")
            found.append(
                {"name": field.name, "in": place, "required": required, "description": description, "schema": schema}
            )
        return [*found, *request_headers(rpc)]

    def _body(self, rpc: Rpc, binding: Binding) -> dict[str, Any] | None:
        if not binding.body:
            return None
        message = self._input(rpc)
        if binding.body != "*":
            field = message.field(binding.body)
            if field.type_name == HTTP_BODY:
                return {"description": field.comment, "required": True, "content": _bytes(rpc)}
            schema = self._schemas.refer(field.type_name, as_input=True)
            description = field.comment
        else:
            in_path = frozenset(re.findall(r"\{(\w+)\}", binding.template))
            if not [field for field in message.fields if field.name not in in_path]:
                return None
            description = message.comment
            schema = (
                self._schemas.object(message, as_input=True, without=in_path)
                if in_path
                else self._schemas.refer(message.name, as_input=True)
            )
        media: dict[str, Any] = {"schema": schema}
        if examples := REQUESTS.get(rpc.proto.name):
            media["examples"] = examples
        return {"description": description, "required": True, "content": {"application/json": media}}

    def _responses(self, rpc: Rpc, body: dict[str, Any] | None) -> dict[str, Any]:
        output = rpc.proto.output_type.removeprefix(".")
        found: dict[str, Any] = {}
        for code in success_codes(rpc):
            text = "Accepted." if code == 202 else "Done."
            found[str(code)] = _success(rpc, code, text, self._content(rpc, output, code))
        if rpc.proto.server_streaming and "`Last-Event-ID`" in rpc.comment and "204" in rpc.comment:
            found["204"] = _success(rpc, 204, "The caller has seen the last event.", None)
        if output == HTTP_BODY:
            if "`Range`" in rpc.comment:
                found["206"] = _success(rpc, 206, "The part that `Range` asks for.", _bytes(rpc))
            if "`If-None-Match`" in rpc.comment:
                found["304"] = _success(rpc, 304, "The caller has it already.", None)
        for name in error_codes(rpc, set(body["content"]) if body else set()):
            found[name] = {"$ref": f"#/components/responses/{error_name(name)}"}
        return dict(sorted(found.items()))

    def _content(self, rpc: Rpc, output: str, code: int) -> dict[str, Any]:
        if output == HTTP_BODY:
            return _bytes(rpc)
        name = short_name(output)
        media: dict[str, Any] = {"schema": self._schemas.refer(output)}
        is_accepted = code == 202
        example = {} if output == EMPTY else self._examples.of(output, is_accepted=is_accepted)
        if example is not None:
            media["examples"] = self._show(f"{name}.accepted" if is_accepted else name, example)
        if not rpc.proto.server_streaming:
            return {"application/json": media}
        media["schema"]["description"] = "One such object on each line, as long as the stream lasts."
        sent: dict[str, Any] = {
            "schema": {
                "type": "string",
                "description": f"Server-sent events: the `data` of each is a `{name}` as JSON.",
            }
        }
        if example is not None:
            sent["examples"] = self._show(f"{name}.sent", as_server_sent(example))
        return {"application/x-ndjson": media, "text/event-stream": sent}

    def _show(self, name: str, value: object) -> dict[str, Any]:
        """Examples of one answer: a reference to the one of that name, which becomes part of the document."""
        self._shown[name] = {"value": value}
        return {"answer": {"$ref": f"#/components/examples/{name}"}}


def _bytes(rpc: Rpc) -> dict[str, Any]:
    """The media types that the comment names."""
    return {name: {"schema": _BINARY} for name in _MEDIA_TYPE.findall(rpc.comment) or [_ANY_BYTES]}


def _success(rpc: Rpc, code: int, description: str, content: dict[str, Any] | None) -> dict[str, Any]:
    answer = {"description": description, "headers": success_headers(rpc, code)}
    return answer | ({"content": content} if content else {})


def write_openapi(descriptor_set: Path, target: Path) -> None:
    """Writes the document of the contracts in `descriptor_set` (with imports and source info) to `target`."""
    examples = Examples(FileDescriptorSet.FromString(descriptor_set.read_bytes()))
    document = _Document(read_contract(descriptor_set), examples).build()
    target.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
