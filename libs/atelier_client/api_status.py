"""Error responses, from their wire form: `google.rpc.Status`, as JSON or as bytes."""

import json
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from atelier_client.errors import AtelierApiError

_DETAILS: tuple[type[Message], ...] = (
    error_details_pb2.ErrorInfo,
    error_details_pb2.BadRequest,
    error_details_pb2.RetryInfo,
)

# The code of an HTTP status for responses whose body has none, such as a proxy's own error page.
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    416: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def from_http(status: int, headers: Mapping[str, str], body: bytes) -> AtelierApiError:
    """Returns the error of a REST response.

    Args:
        status: Its HTTP status.
        headers: Its headers, with names in lower case.
        body: Its body: `google.rpc.Status` as JSON, or anything else, such as a proxy's page.
    """
    retry_after_s = _seconds(headers.get("retry-after", ""))
    trace_id = headers.get("x-trace-id", "")
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict) or "message" not in value:
        text = body[:200].decode(errors="replace").strip()
        message = text if text and not text.startswith("<") else f"the gateway answered HTTP {status}"
        return AtelierApiError(
            _CODES.get(status, "UNKNOWN"), "", message, trace_id=trace_id, retry_after_s=retry_after_s
        )
    details = [found for entry in value.get("details") or [] if (found := _detail(entry)) is not None]
    return _error(
        _code_name(value.get("code"), status),
        str(value["message"]),
        details,
        retry_after_s=retry_after_s,
        trace_id=trace_id,
        raw=[entry for entry in value.get("details") or [] if isinstance(entry, dict)],
    )


def from_grpc(code: str, message: str, status_details: bytes | None, trace_id: str = "") -> AtelierApiError:
    """Returns the error of a gRPC response.

    Args:
        code: The name of the status code, such as `NOT_FOUND`.
        message: The status message.
        status_details: The trailing metadata `grpc-status-details-bin`; None when there is none.
        trace_id: The trace id; empty when unknown.
    """
    status = status_pb2.Status()
    try:
        status.ParseFromString(status_details or b"")
    except DecodeError:
        status.Clear()
    details = []
    for packed in status.details:
        for kind in _DETAILS:
            detail = kind()
            if packed.Unpack(detail):
                details.append(detail)
    raw = [
        {
            "@type": f"type.googleapis.com/{detail.DESCRIPTOR.full_name}",
            **json_format.MessageToDict(detail, preserving_proto_field_name=True),
        }
        for detail in details
    ]
    return _error(code, message, details, retry_after_s=None, trace_id=trace_id, raw=raw)


def _error(
    code: str,
    message: str,
    details: list[Any],
    *,
    retry_after_s: float | None,
    trace_id: str,
    raw: list[dict[str, Any]],
) -> AtelierApiError:
    reason = ""
    fields: dict[str, str] = {}
    for detail in details:
        if isinstance(detail, error_details_pb2.ErrorInfo):
            reason = detail.reason
            trace_id = detail.metadata.get("trace_id", trace_id)
        elif isinstance(detail, error_details_pb2.BadRequest):
            for violation in detail.field_violations:
                before = fields.get(violation.field)
                fields[violation.field] = f"{before}; {violation.description}" if before else violation.description
        elif isinstance(detail, error_details_pb2.RetryInfo):
            retry_after_s = detail.retry_delay.ToNanoseconds() / 1e9
    return AtelierApiError(
        code, reason, message, fields=fields, trace_id=trace_id, retry_after_s=retry_after_s, details=raw
    )


def _detail(entry: Any) -> Message | None:
    """Parses a detail of the JSON form; None for types that this client does not read."""
    if not isinstance(entry, dict):
        return None
    name = str(entry.get("@type", "")).rpartition("/")[2]
    for kind in _DETAILS:
        if kind.DESCRIPTOR.full_name == name:
            rest = {key: value for key, value in entry.items() if key != "@type"}
            try:
                return json_format.ParseDict(rest, kind(), ignore_unknown_fields=True)
            except json_format.ParseError:
                return None
    return None


def _code_name(code: Any, status: int) -> str:
    if isinstance(code, int) and code in code_pb2.Code.values():
        return str(code_pb2.Code.Name(code))
    if isinstance(code, str) and code in code_pb2.Code.keys():  # noqa: SIM118 (an enum wrapper is no dictionary)
        return code
    return _CODES.get(status, "UNKNOWN")


def _seconds(text: str) -> float | None:
    """`Retry-After` in seconds; the form with a date is not used by the gateway."""
    try:
        return max(0.0, float(text))
    except ValueError:
        return None
