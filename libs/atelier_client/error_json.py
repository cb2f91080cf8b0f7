"""Errors as JSON: `google.rpc.Status`, as a REST response has it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atelier_client.errors import AtelierApiError

DOMAIN = "atelier.client"
"""The domain of reasons of errors that the client raises itself."""


def status_of(error: "AtelierApiError") -> dict[str, Any]:
    """Returns `code` (a number), `message` and `details`: those of the response, or an ErrorInfo made of the error."""
    from google.rpc import code_pb2

    code = code_pb2.Code.Value(error.code) if error.code in code_pb2.Code.keys() else code_pb2.UNKNOWN  # noqa: SIM118
    return {"code": code, "message": error.message, "details": list(error.details) or _details(error)}


def _details(error: "AtelierApiError") -> list[dict[str, Any]]:
    info: dict[str, Any] = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": error.reason or error.code,
        "domain": DOMAIN,
    }
    if error.trace_id:
        info["metadata"] = {"trace_id": error.trace_id}
    violations = [{"field": field, "description": text} for field, text in error.fields.items()]
    if not violations:
        return [info]
    return [info, {"@type": "type.googleapis.com/google.rpc.BadRequest", "field_violations": violations}]
