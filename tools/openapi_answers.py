"""Which answers an RPC has: read from its comment, which names them."""

import re
from typing import Any

from tools.openapi_contract import Rpc

Answer = dict[str, Any]

_HTTP_OF = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
}
_DESCRIPTIONS = {
    400: "The request is not valid; `BadRequest` names the fields.",
    401: "No credentials, or none that are valid.",
    403: "The caller may not do this.",
    404: "There is no such thing, or it is somebody else's.",
    409: "It contradicts what is there already.",
    413: "The body is too large.",
    415: "The body is not of a type that is taken here.",
    416: "The range lies outside; `Content-Range` tells the size.",
    429: "Too many requests, or a queue or quota is full; try again after `Retry-After` seconds.",
    503: "A part of the mesh is not available; try again.",
}
_ALWAYS = (400, 401, 429, 503)
_ERROR = re.compile(r"\b([A-Z]+(?:_[A-Z]+)+|UNAUTHENTICATED|UNAVAILABLE|ABORTED)\b( never)?(?: \((\d{3}))?")


def needs_no_credentials(rpc: Rpc) -> bool:
    """True when the comment says so."""
    return "Needs no credentials" in rpc.comment


def success_codes(rpc: Rpc) -> list[int]:
    """HTTP statuses of a success: what the comment says after `HTTP`, otherwise 200."""
    told = re.search(r"HTTP (2\d\d)(?:, or (2\d\d))?", rpc.comment)
    return [int(code) for code in told.groups() if code] if told else [200]


def error_codes(rpc: Rpc, takes: set[str]) -> list[int]:
    """HTTP statuses of the errors: those that its comment names, and those that everything may have. `takes` holds the
    content types of the request's body."""
    _, _, errors = rpc.comment.partition("Errors:")
    found = {
        int(told) if told else _HTTP_OF[name]
        for name, never, told in _ERROR.findall(errors)
        if name in _HTTP_OF and not never
    }
    found.update(_ALWAYS)
    if needs_no_credentials(rpc):
        found.discard(401)
    if takes:
        found.add(413)
    if "application/json" in takes:
        found.add(415)
    return sorted(found)


def error_name(code: int) -> str:
    """Name of the shared answer for an HTTP status."""
    return f"Error{code}"


def status_schema(details: dict[str, Answer]) -> Answer:
    """google.rpc.Status as JSON. `details` refers to the schemas of the details, by full name."""
    tagged = [
        {"allOf": [schema, {"properties": {"@type": {"const": f"type.googleapis.com/{name}"}}, "required": ["@type"]}]}
        for name, schema in sorted(details.items())
    ]
    return {
        "type": "object",
        "description": "What went wrong. Holds exactly one `ErrorInfo`, whose `reason` is stable.",
        "properties": {
            "code": {"type": "integer", "format": "int32", "description": "google.rpc.Code."},
            "message": {"type": "string", "description": "One sentence for a person."},
            "details": {
                "type": "array",
                "description": "One `ErrorInfo`, and what else helps.",
                "items": {"anyOf": tagged},
            },
        },
        "required": ["code", "message", "details"],
    }


def shared_errors() -> dict[str, Answer]:
    """All error answers, to be referred to."""
    retry = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}}
    trace = {"X-Trace-Id": {"$ref": "#/components/headers/TraceId"}}
    return {
        error_name(code): {
            "description": description,
            "headers": trace | retry if code in (429, 503) else trace,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Status"}}},
        }
        for code, description in sorted(_DESCRIPTIONS.items())
    }  # fmt: skip
