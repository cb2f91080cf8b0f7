"""CORS: the origins whose pages may call and read responses."""

import json

from atelier_gateway.config import Config, typed
from atelier_gateway.settings import GatewaySettings

_METHODS = "GET, HEAD, POST, PUT, DELETE"
_REQUEST_HEADERS = (
    "authorization", "content-type", "x-api-key", "x-grpc-web", "x-user-agent", "grpc-timeout", "traceparent",
    "tracestate", "baggage", "x-request-id", "idempotency-key", "prefer", "range", "if-match", "if-none-match",
    "if-range", "last-event-id",
)  # fmt: skip
_EXPOSED_HEADERS = (
    "grpc-status", "grpc-message", "grpc-status-details-bin", "retry-after", "x-ratelimit-limit",
    "x-ratelimit-remaining", "x-ratelimit-reset", "x-trace-id", "etag", "content-range", "content-disposition",
    "accept-ranges", "allow", "location", "preference-applied",
)  # fmt: skip


def build_preflights(settings: GatewaySettings) -> Config:
    """Builds the CORS policy of a virtual host: the responses to preflights."""
    origins = [
        {"safe_regex": {"regex": ".*"}} if origin == "*" else {"exact": origin} for origin in settings.cors_origins
    ]
    policy = typed(
        "extensions.filters.http.cors.v3.CorsPolicy",
        allow_origin_string_match=origins,
        allow_methods=_METHODS,
        allow_headers=", ".join(_REQUEST_HEADERS),
        max_age="600",
    )
    return {"envoy.filters.http.cors": policy}


def build_cors_headers(settings: GatewaySettings) -> list[Config]:
    """Builds the filter that sets CORS headers on every response; none without allowed origins."""
    if not settings.cors_origins:
        return []
    origins = ", ".join(f"[{json.dumps(origin)}] = true" for origin in settings.cors_origins)
    constants = f"local ORIGINS, EXPOSED = {{ {origins} }}, {json.dumps(', '.join(_EXPOSED_HEADERS))}\n"
    script = constants + (settings.folder / "cors.lua").read_text("utf-8")
    lua = typed("extensions.filters.http.lua.v3.Lua", default_source_code={"inline_string": script})
    return [{"name": "envoy.filters.http.cors_answers", "typed_config": lua}]
