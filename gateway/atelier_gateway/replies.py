"""Local replies: responses that Envoy makes itself, as services make theirs, a google.rpc.Status with one ErrorInfo.

REST callers get JSON, which rest.lua refines where the cause is in the text (which field is wrong). gRPC and gRPC-Web
callers get a headers-only response with the details in `grpc-status-details-bin`.
"""

import base64
from dataclasses import dataclass
from urllib.parse import quote

from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from atelier_gateway.config import Config, seconds, typed

_ENVOY_TEXT = "malformed request: %LOCAL_REPLY_BODY%"
"""Envoy's own text, from which rest.lua makes the message for the caller."""
_UNIMPLEMENTED = 12


@dataclass(frozen=True, slots=True)
class Reply:
    """The error that a caller gets for one HTTP status."""

    http: int
    code: int
    """google.rpc.Code."""
    reason: str
    message: str
    retry_after_s: int = 0
    """Seconds after which a retry may succeed; 0 to leave it out."""


_UNAUTHENTICATED = Reply(
    401, 16, "UNAUTHENTICATED", "no valid credential; send X-Api-Key: <key> or Authorization: Bearer <key or token>"
)
_METHOD_NOT_ALLOWED = Reply(405, 12, "METHOD_NOT_ALLOWED", "this route does not know that method")
_UNAVAILABLE = Reply(503, 14, "UNAVAILABLE", "the service is unavailable; try again", retry_after_s=1)

REPLIES = (
    Reply(400, 3, "INVALID_REQUEST", _ENVOY_TEXT),
    _UNAUTHENTICATED,
    Reply(404, 5, "ROUTE_NOT_FOUND", "there is no such route"),
    _METHOD_NOT_ALLOWED,
    Reply(408, 4, "REQUEST_TIMEOUT", "the request came too slowly"),
    Reply(413, 11, "BODY_TOO_LARGE", "the body is too large"),
    Reply(415, 3, "UNSUPPORTED_MEDIA_TYPE", "send application/json"),
    Reply(429, 8, "RATE_LIMITED", "too many requests; try again after Retry-After seconds", retry_after_s=1),
    Reply(431, 11, "HEADERS_TOO_LARGE", "the headers are too large"),
    Reply(502, 14, "UNAVAILABLE", "the service is unavailable; try again", retry_after_s=1),
    _UNAVAILABLE,
    Reply(504, 4, "DEADLINE_EXCEEDED", "the service did not answer in time"),
)
_OTHER = Reply(500, 13, "INTERNAL", "internal error")

TOKEN_REPLIES = {
    "Jwt_is_missing": _UNAUTHENTICATED,
    "Jwt_is_expired": Reply(401, 16, "TOKEN_EXPIRED", "the token has expired"),
    "": Reply(401, 16, "TOKEN_INVALID", "the token is not valid"),
}
"""Replies for what jwt_authn refuses, by prefix of its response code details."""

_MALFORMED = {
    "upgrade_failed": "this route takes no upgrade",
    "http1.invalid_transfer_encoding": "the transfer encoding is not known; send chunked",
}
"""Messages for malformed requests that Envoy refuses with another status than 400, by prefix of the details."""


def status_body(reply: Reply) -> Config:
    """Returns the JSON body of a reply to a REST caller: a google.rpc.Status."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reply.reason,
        "domain": "atelier",
        "metadata": {},
    }
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retry_delay": seconds(reply.retry_after_s)}
    return {
        "code": reply.code,
        "message": reply.message,
        "details": [info, retry] if reply.retry_after_s else [info],
    }


def _packed(detail: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed


def status_headers(reply: Reply) -> dict[str, str]:
    """Returns the headers of a reply to a gRPC or gRPC-Web caller."""
    code = _UNIMPLEMENTED if reply.http == 404 else reply.code  # the code of gRPC servers for an unknown method
    message = reply.message if reply.message != _ENVOY_TEXT else "malformed request"
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=reply.reason, domain="atelier")]
    if reply.retry_after_s:
        details.append(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=reply.retry_after_s)))
    status = status_pb2.Status(code=code, message=message, details=[_packed(detail) for detail in details])
    return {
        "content-type": "application/grpc",
        "grpc-status": str(code),
        "grpc-message": quote(message, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~").replace("%", "%%"),
        "grpc-status-details-bin": base64.b64encode(status.SerializeToString()).decode().rstrip("="),
    }


def _status_is(op: str, http: int) -> Config:
    value = {"default_value": http, "runtime_key": f"gateway.unused.{op}.{http}"}
    return {"status_code_filter": {"comparison": {"op": op, "value": value}}}


_IS_REST: Config = {
    "or_filter": {
        "filters": [
            {
                "header_filter": {
                    "header": {
                        "name": "content-type",
                        "string_match": {"prefix": "application/grpc"},
                        "invert_match": True,
                        "treat_missing_header_as_empty": True,
                    }
                }
            },
            # Transcoded: it arrived without the content type of gRPC. A client's own x-envoy-* headers are dropped.
            {"header_filter": {"header": {"name": "x-envoy-original-path", "present_match": True}}},
        ]
    }
}


def _has_details(details: str) -> Config:
    """Matches replies whose response code details begin with `details`."""
    return {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": typed(
                "extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                expression=f"response.code_details.startsWith('{details}')",
            ),
        }
    }


def _header(name: str, value: str, append_action: str) -> Config:
    return {"header": {"key": name, "value": value}, "append_action": append_action}


def _mappers(matches: Config, reply: Reply) -> list[Config]:
    """The mappers that make `reply` of the local replies that match: one for REST, one for gRPC."""
    retry_after = (
        [_header("retry-after", str(reply.retry_after_s), "OVERWRITE_IF_EXISTS_OR_ADD")] if reply.retry_after_s else []
    )
    rest: Config = {
        "filter": {"and_filter": {"filters": [matches, _IS_REST]}},
        "status_code": reply.http,
        "body_format_override": {"json_format": status_body(reply)},
        "headers_to_add": retry_after,
    }
    # headers.lua sets the message itself when it refuses a gRPC call.
    action = "ADD_IF_ABSENT" if reply.message == _ENVOY_TEXT else "OVERWRITE_IF_EXISTS_OR_ADD"
    grpc: Config = {
        "filter": matches,
        "status_code": 200,
        # Without a body, which the gRPC-Web filter would take for the message, with a status of its own.
        "body_format_override": {"text_format_source": {"inline_string": ""}},
        "headers_to_add": [
            *(_header(name, value, action) for name, value in status_headers(reply).items()),
            *retry_after,
        ],
    }
    return [rest, grpc]


def build_local_replies() -> Config:
    """Builds the connection manager's `local_reply_config`, of which the first mapper that matches applies.

    Envoy's own statuses differ in these cases: jwt_authn returns 401 when it could not fetch the keys, which is no
    fault of the caller's, and 403 for a token of another audience, though no caller was authenticated. The method QUERY
    requires a content type, though no route takes it. An upgrade that no route takes is 403, and an unknown transfer
    encoding 501.
    """
    mappers = _mappers(_has_details("jwt_authn_access_denied{Jwks_remote_fetch_is_failed}"), _UNAVAILABLE)
    for details, reply in TOKEN_REPLIES.items():
        mappers += _mappers(_has_details(f"jwt_authn_access_denied{{{details}"), reply)
    for details, message in _MALFORMED.items():
        mappers += _mappers(_has_details(details), Reply(400, 3, "INVALID_REQUEST", message))
    mappers += _mappers(_status_is("EQ", 403), _UNAUTHENTICATED)
    mappers += _mappers(_has_details("query_missing_content_type"), _METHOD_NOT_ALLOWED)
    for reply in REPLIES:
        mappers += _mappers(_status_is("EQ", reply.http), reply)
    return {"mappers": [*mappers, *_mappers(_status_is("GE", _OTHER.http), _OTHER)]}
