"""Answers that Envoy gives itself, in the shape that services give theirs: google.rpc.Status as JSON.

A gRPC or gRPC-Web client gets its status in trailers, as Envoy makes them. rest.lua refines the answers that need a
look at their text (which field is wrong, why a token was refused).
"""

from dataclasses import dataclass

from atelier_mesh.gateway.config import Config, seconds, typed

_ENVOYS_WORDS = "malformed request: %LOCAL_REPLY_BODY%"
"""What Envoy says, for rest.lua, which makes a message for the caller of it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a REST client is told for one HTTP status."""

    http: int
    code: int
    """google.rpc.Code."""
    reason: str
    message: str
    retry_after_s: int = 0
    """Seconds after which a repeat may succeed; 0 for no word about that."""


REPLIES = (
    Reply(400, 3, "INVALID_REQUEST", _ENVOYS_WORDS),
    Reply(401, 16, "UNAUTHENTICATED", _ENVOYS_WORDS),
    Reply(404, 5, "ROUTE_NOT_FOUND", "there is no such route"),
    Reply(405, 12, "METHOD_NOT_ALLOWED", "this route does not know that method"),
    Reply(408, 4, "REQUEST_TIMEOUT", "the request came too slowly"),
    Reply(413, 11, "BODY_TOO_LARGE", "the body is too large"),
    Reply(415, 3, "UNSUPPORTED_MEDIA_TYPE", "send application/json"),
    Reply(429, 8, "RATE_LIMITED", "too many requests; try again after Retry-After seconds", 1),
    Reply(431, 11, "HEADERS_TOO_LARGE", "the headers are too large"),
    Reply(502, 14, "UNAVAILABLE", "the service is unavailable; try again", 1),
    Reply(503, 14, "UNAVAILABLE", "the service is unavailable; try again", 1),
    Reply(504, 4, "DEADLINE_EXCEEDED", "the service did not answer in time"),
)
_OTHER = Reply(500, 13, "INTERNAL", "internal error")


def status_body(reply: Reply) -> Config:
    """The body of a reply."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reply.reason,
        "domain": "atelier",
        "metadata": {},
    }
    details: list[Config] = [info]
    if reply.retry_after_s:
        retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retry_delay": seconds(reply.retry_after_s)}
        details.append(retry)
    return {"code": reply.code, "message": reply.message, "details": details}


def _retry_header(reply: Reply) -> Config:
    """`Retry-After`, on answers in REST and as metadata in gRPC. Filters may have set it before."""
    if not reply.retry_after_s:
        return {}
    header = {"key": "retry-after", "value": str(reply.retry_after_s)}
    return {"headers_to_add": [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]}


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
            # Transcoded: it looks like gRPC now, but did not come so. A client's own x-envoy-* headers are dropped.
            {"header_filter": {"header": {"name": "x-envoy-original-path", "present_match": True}}},
        ]
    }
}


def _mapper(reply: Reply, op: str) -> Config:
    return {
        "filter": {"and_filter": {"filters": [_status_is(op, reply.http), _IS_REST]}},
        "body_format_override": {"json_format": status_body(reply)},
        **_retry_header(reply),
    }


def _grpc_mapper(reply: Reply, op: str) -> Config:
    """For gRPC the message alone, which becomes `grpc-message`: Envoy's own would tell of upstream connections."""
    text = {"body_format_override": {"text_format_source": {"inline_string": reply.message}}}
    return {"filter": _status_is(op, reply.http), **text, **_retry_header(reply)}


def _because(details: str) -> Config:
    """Fits the replies that Envoy explains in words that begin so."""
    return {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": typed(
                "extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                expression=f"response.code_details.startsWith('{details}')",
            ),
        }
    }


def _replaced(wrong: Config, right: Reply) -> list[Config]:
    """Another status, for REST and for gRPC, than Envoy would give."""
    as_json = {"body_format_override": {"json_format": status_body(right)}, **_retry_header(right)}
    as_text: Config = {}
    if right.message != _ENVOYS_WORDS:
        as_text = {"body_format_override": {"text_format_source": {"inline_string": right.message}}}
    return [
        {"filter": {"and_filter": {"filters": [wrong, _IS_REST]}}, "status_code": right.http, **as_json},
        {"filter": wrong, "status_code": right.http, **as_text, **_retry_header(right)},
    ]


def _corrections() -> list[Config]:
    """jwt_authn says 401 when it could not fetch the keys, which is nobody's fault but ours; and 403 to a token for
    another audience, though nobody was authenticated."""
    of = {reply.http: reply for reply in REPLIES}
    no_keys = _because("jwt_authn_access_denied{Jwks_remote_fetch_is_failed}")
    return [*_replaced(no_keys, of[503]), *_replaced(_status_is("EQ", 403), of[401])]


def build_local_replies() -> Config:
    """The connection manager's `local_reply_config`; the first mapper that fits is taken."""
    return {
        "mappers": [
            *_corrections(),
            *(_mapper(reply, "EQ") for reply in REPLIES),
            *(_grpc_mapper(reply, "EQ") for reply in REPLIES if reply.message != _ENVOYS_WORDS),
            _mapper(_OTHER, "GE"),
            _grpc_mapper(_OTHER, "GE"),
        ]
    }
