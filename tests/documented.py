"""Compares the answers that tests see with the OpenAPI document; clients of the tests call it on every answer."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[1] / "gateway/atelier_gateway/envoy/openapi.json").read_text("utf-8")
)
# Literal paths first: `/images/generate` fits `/images/{id}` too.
_PATHS = [
    (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), path)
    for path in sorted(DOCUMENT["paths"], key=lambda path: path.count("{"))
]


def problems(schema: dict[str, Any], value: object) -> list[str]:
    """What is wrong with `value`, by a schema of the document."""
    return [error.message for error in _validator(json.dumps(schema)).iter_errors(value)]


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({**json.loads(schema), "components": DOCUMENT["components"]})


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for pattern, template in _PATHS:
        if pattern.fullmatch(path) and method.lower() in DOCUMENT["paths"][template]:
            operation: dict[str, Any] = DOCUMENT["paths"][template][method.lower()]
            return operation
    return None


def documented_answer(response: httpx2.Response) -> dict[str, Any] | None:
    """What the document says of an answer; None when its route is not in the document. Raises AssertionError when the
    route is, and the status is not."""
    request = response.request
    operation = _operation(request.method, request.url.path)
    if operation is None:
        return None
    answer = operation["responses"].get(str(response.status_code))
    assert answer, f"{request.method} {request.url.path}: status {response.status_code} is not in the OpenAPI document"
    if "$ref" in answer:
        answer = DOCUMENT["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    found: dict[str, Any] = answer
    return found


async def check_status(response: httpx2.Response) -> None:
    """An event hook for asynchronous clients: the status is in the document. Tests of the gateway have services that
    implement a part of the contract only: the rest is 501."""
    if response.status_code != 501:
        documented_answer(response)


def check_answer(response: httpx2.Response) -> None:
    """An event hook for clients: status and JSON body are as the document says."""
    answer = documented_answer(response)
    if answer is None or not response.headers.get("content-type", "").startswith("application/json"):
        return
    if "content-length" not in response.headers:  # a stream
        return
    response.read()
    if not response.content:
        return
    found = problems(answer["content"]["application/json"]["schema"], response.json())
    assert not found, f"{response.request.method} {response.request.url.path}: {found}"
