"""Writes the OpenAPI 3.1 document of the REST surface, from the contracts alone: annotations, comments and rules."""

import json
import re
from pathlib import Path
from typing import Any

from tools.openapi_answers import (
    error_codes,
    error_name,
    needs_no_credentials,
    shared_errors,
    status_schema,
    success_codes,
)
from tools.openapi_contract import Binding, Contract, Rpc, read_contract
from tools.openapi_rules import Schema, is_required, rules_of
from tools.openapi_schemas import HTTP_BODY, Schemas

_TITLE = "Atelier"
_ABOUT = (
    "Prompts become pictures and clips on machines that you own.\n\n"
    "Say who you are with `Authorization: Bearer <token>` or `X-Api-Key: <key>`. Every error is a `Status`. Every "
    "answer tells its trace in `X-Trace-Id`; a `traceparent` of yours is continued. The events of "
    "`GET /api/v1/events` also come over a WebSocket at `/ws/v1/events`, where a page gives its token as "
    "`?access_token=`."
)
_EXAMPLES = {
    "GenerateImage": {
        "shortest": {"value": {"prompt": "a red circle on a blue background"}},
        "reproducible": {
            "value": {
                "prompt": "a green square on a white background",
                "width_px": 64, "height_px": 64, "steps": 20, "guidance_scale": 4, "seed": 7,
                "scheduler": "DDIM", "count": 2, "output_format": "PNG", "metadata": {"project": "readme"},
            }
        },
    },
    "GenerateVideo": {
        "shortest": {"value": {"prompt": "a red ball moving right"}},
        "reproducible": {
            "value": {
                "prompt": "a blue triangle moving up on a white background",
                "width_px": 128, "height_px": 128, "frames": 16, "frame_rate_hz": 8, "steps": 10, "guidance_scale": 2,
                "seed": 7, "scheduler": "DDIM", "container": "WEBM", "metadata": {"project": "readme"},
            }
        },
    },
}  # fmt: skip
# Request headers, described where an RPC's comment speaks of them.
_HEADERS: dict[str, tuple[str, str]] = {
    "`prefer: wait=N`": ("Prefer", "`wait=N` answers when it is done, or after N seconds (at most 60) as it stands."),
    "`idempotency-key`": ("Idempotency-Key", "A repeat under the same key answers the first result."),
    "`Range`": ("Range", "One range of bytes, such as `bytes=0-1023`."),
    "`If-None-Match`": ("If-None-Match", "304 when the `ETag` is still this one."),
    "`If-Range`": ("If-Range", "Keep to `Range` only while the `ETag` is this one."),
}
_DETAILS = ("google.rpc.BadRequest", "google.rpc.ErrorInfo", "google.rpc.QuotaFailure", "google.rpc.RetryInfo")
_BINARY: Schema = {"type": "string", "format": "binary"}


class _Document:
    """Collects paths, and the schemas that they need."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._schemas = Schemas(contract)
        self._paths: dict[str, dict[str, Any]] = {}

    def build(self) -> dict[str, Any]:
        """The whole document."""
        for rpc in self._contract.rpcs:
            for number, binding in enumerate(rpc.bindings):
                suffix = f"_{number + 1}" if number else ""
                self._paths.setdefault(binding.template, {})[binding.verb] = self._operation(rpc, binding, suffix)
        details = {name: self._schemas.refer(name) for name in _DETAILS}
        schemas = {**self._schemas.components, "Status": status_schema(details)}
        return {
            "openapi": "3.1.0",
            "info": {
                "title": _TITLE,
                "version": "v1",
                "description": _ABOUT,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "security": [{"bearer": []}, {"apiKey": []}],
            "tags": [{"name": n, "description": c} for n, c in sorted(self._contract.services.items())],
            "paths": {path: dict(sorted(verbs.items())) for path, verbs in sorted(self._paths.items())},
            "components": {
                "schemas": dict(sorted(schemas.items())),
                "responses": shared_errors(),
                "headers": {
                    "TraceId": {
                        "description": "The trace that this answer belongs to: 32 hex digits.",
                        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
                    }
                },
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                    "apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
                },
            },
        }

    def _operation(self, rpc: Rpc, binding: Binding, suffix: str) -> dict[str, Any]:
        summary, _, _ = rpc.comment.replace("\n", " ").partition(". ")
        body = self._body(rpc, binding)
        operation: dict[str, Any] = {
            "operationId": f"{rpc.proto.name}{suffix}",
            "tags": [rpc.service],
            "summary": summary.removesuffix("."),
            "description": rpc.comment,
            "responses": self._responses(rpc, body),
        }
        if parameters := self._parameters(rpc, binding):
            operation["parameters"] = parameters
        if body:
            operation["requestBody"] = body
        if needs_no_credentials(rpc):
            operation["security"] = []
        return operation

    def _input(self, rpc: Rpc) -> Any:
        return self._contract.messages[rpc.proto.input_type.removeprefix(".")]

    def _parameters(self, rpc: Rpc, binding: Binding) -> list[dict[str, Any]]:
        in_path = re.findall(r"\{(\w+)\}", binding.template)
        found = []
        for field in self._input(rpc).fields:
            is_message = field.type_name in self._contract.messages
            if field.name in in_path:
                place, required = "path", True
            elif binding.body in ("*", field.name) or is_message:
                continue
            else:
                place, required = "query", is_required(rules_of(field.proto))
            schema = self._schemas.value(field, as_input=True)
            description = schema.pop("description", "")
            found.append(
                {"name": field.name, "in": place, "required": required, "description": description, "schema": schema}
            )
        for mark, (name, description) in _HEADERS.items():
            if mark in rpc.comment:
                found.append({"name": name, "in": "header", "description": description, "schema": {"type": "string"}})
        return found

    def _body(self, rpc: Rpc, binding: Binding) -> dict[str, Any] | None:
        if not binding.body:
            return None
        message = self._input(rpc)
        if binding.body != "*":
            field = message.field(binding.body)
            if field.type_name == HTTP_BODY:
                return {"description": field.comment, "required": True, "content": {"*/*": {"schema": _BINARY}}}
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
        if examples := _EXAMPLES.get(rpc.proto.name):
            media["examples"] = examples
        return {"description": description, "required": True, "content": {"application/json": media}}

    def _responses(self, rpc: Rpc, body: dict[str, Any] | None) -> dict[str, Any]:
        output = rpc.proto.output_type.removeprefix(".")
        takes = set(body["content"]) if body else set()
        found: dict[str, Any] = {}
        for code in success_codes(rpc):
            found[str(code)] = self._success("Accepted." if code == 202 else "Done.", self._content(rpc, output))
        if output == HTTP_BODY:
            found["206"] = self._success("The part that `Range` asks for.", self._content(rpc, output))
            found["304"] = self._success("The caller has it already.", None)
        for code in error_codes(rpc, takes):
            found[str(code)] = {"$ref": f"#/components/responses/{error_name(code)}"}
        return dict(sorted(found.items()))

    def _success(self, description: str, content: dict[str, Any] | None) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "description": description,
            "headers": {"X-Trace-Id": {"$ref": "#/components/headers/TraceId"}},
        }
        return answer | ({"content": content} if content else {})

    def _content(self, rpc: Rpc, output: str) -> dict[str, Any]:
        if output == HTTP_BODY:
            return {"*/*": {"schema": _BINARY}}
        schema = self._schemas.refer(output)
        if not rpc.proto.server_streaming:
            return {"application/json": {"schema": schema}}
        return {
            "application/json": {
                "schema": {**schema, "description": "One such object a line, as long as the stream lasts."}
            },
            "text/event-stream": {
                "schema": {"type": "string", "description": f"`data: <{schema['$ref'].rsplit('/')[-1]} as JSON>` each."}
            },
        }


def write_openapi(descriptor_set: Path, target: Path) -> None:
    """Writes the document of the contracts in `descriptor_set` (with imports and source info) to `target`."""
    document = _Document(read_contract(descriptor_set)).build()
    target.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
