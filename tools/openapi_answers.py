"""Which answers an RPC has: read from its comment, which names them."""

import re
from typing import Any

from tools.openapi_contract import Rpc
from tools.openapi_headers import error_headers

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
    "400": "The request is not valid; `BadRequest` names the fields.",
    "401": "No credentials, or none that are valid.",
    "403": "The caller may not do this.",
    "404": "There is no such resource, or it belongs to another user.",
    "408": "The request came too slowly.",
    "409": "It contradicts what is stored already.",
    "412": "It was changed meanwhile.",
    "413": "The body is too large.",
    "415": "The body has a content type that is not accepted here.",
    "416": "The range lies outside; `Content-Range` has the size.",
    "429": "Too many requests, or a queue or quota is full; try again after `Retry-After` seconds.",
    "431": "The request headers are too large.",
    "500": "An internal error; `X-Trace-Id` finds it in the logs.",
    "503": "A part of the mesh is not available; try again.",
    "504": "The service did not answer in time.",
    "default": "Any other error. 405: this path does not have that method; `Allow` lists those that it has.",
}
_ALWAYS = (400, 401, 403, 408, 429, 431, 500, 503, 504)
_WITHOUT_CREDENTIALS = (401, 403)
_ERROR = re.compile(r"\b([A-Z]+(?:_[A-Z]+)+|UNAUTHENTICATED|UNAVAILABLE|ABORTED)\b( never)?(?: \(([^)]*)\))?")
_HTTP_ERROR = re.compile(r"\b[45]\d\d\b")


def success_codes(rpc: Rpc) -> list[int]:
    """HTTP statuses of a success: what the comment says after `HTTP`, otherwise 200."""
    found = re.search(r"HTTP (2\d\d)(?:,? or (2\d\d))?", rpc.comment)
    return [int(code) for code in found.groups() if code] if found else [200]


def error_codes(rpc: Rpc, takes: set[str]) -> list[str]:
    """HTTP statuses of the errors: those that the comment names, and those that every route may have. `takes` holds
    the content types of the request's body."""
    _, _, errors = rpc.comment.partition("Errors:")
    found = set(_ALWAYS)
    for name, never, remark in _ERROR.findall(errors):
        if name in _HTTP_OF and not never:
            code = _HTTP_ERROR.search(remark)
            found.add(int(code[0]) if code else _HTTP_OF[name])
    if not rpc.needs_credentials:
        found.difference_update(_WITHOUT_CREDENTIALS)
    if takes:
        found.add(413)
    if "application/json" in takes:
        found.add(415)
    return [*map(str, sorted(found)), "default"]


def error_name(code: str) -> str:
    """Name of the shared answer for an HTTP status."""
    return "Error" if code == "default" else f"Error{code}"


def shared_errors(examples: dict[str, Any]) -> dict[str, Answer]:
    """All error answers, to be referred to. `examples` has one for some of the statuses."""
    found = {}
    for code, description in _DESCRIPTIONS.items():
        media: Answer = {"schema": {"$ref": "#/components/schemas/Status"}}
        if code in examples:
            media["examples"] = {"error": {"value": examples[code]}}
        found[error_name(code)] = {
            "description": description,
            "headers": error_headers(code),
            "content": {"application/json": media},
        }
    return dict(sorted(found.items()))
