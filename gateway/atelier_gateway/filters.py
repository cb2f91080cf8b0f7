"""The HTTP filters of the public port, in the order in which a request meets them."""

from collections.abc import Iterable
from pathlib import Path

from atelier_gateway.clusters import AUTH_CHECKS, SERVICE_CLUSTERS
from atelier_gateway.config import Config, seconds, typed
from atelier_gateway.contract import Method
from atelier_gateway.contract_script import contract_script
from atelier_gateway.cors import build_cors_headers
from atelier_gateway.settings import GatewaySettings

SUBJECT_HEADER = "x-atelier-subject"
"""The authenticated caller, set by jwt_authn or ext_authz; dropped from requests of clients."""

SIGNATURE_HEADER = "x-atelier-signature"
"""The signature of a URL, set by credentials.lua; dropped from requests of clients."""

JWT_PAYLOAD = "jwt_payload"
_JWT_METADATA = "envoy.filters.http.jwt_authn"
_EVERY = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}


def named(name: str, kind: str, **fields: object) -> Config:
    """Returns an HTTP filter with its typed config."""
    return {"name": f"envoy.filters.http.{name}", "typed_config": typed(f"extensions.filters.http.{kind}", **fields)}


def _lua(name: str, script: Path) -> Config:
    return named(name, "lua.v3.Lua", default_source_code={"filename": str(script)})


def _health() -> Config:
    """`/healthz`: 200 when every service is SERVING, 503 otherwise. Needs no credentials."""
    return named(
        "health_check", "health_check.v3.HealthCheck",
        pass_through_mode=False,
        headers=[{"name": ":path", "string_match": {"exact": "/healthz"}}],
        cluster_min_healthy_percentages={name: {"value": 1} for name in SERVICE_CLUSTERS},
    )  # fmt: skip


def _jwt(settings: GatewaySettings) -> Config:
    """Verifies tokens.

    A request with an API key and no token goes on to ext_authz. One without any credential is refused here, so that
    anonymous callers cannot load auth.
    """
    provider = {
        "issuer": "atelier",
        "audiences": ["atelier"],
        "forward": True,
        "payload_in_metadata": JWT_PAYLOAD,
        "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
        "clock_skew_seconds": 5,
        "jwt_cache_config": {"jwt_cache_size": 1000},
        "claim_to_headers": [{"header_name": SUBJECT_HEADER, "claim_name": "sub"}],
        "remote_jwks": {
            "http_uri": {
                "uri": "http://internal/.well-known/jwks.json",
                "cluster": "internal",
                "timeout": "2s",
            },
            "cache_duration": seconds(settings.jwks_cache_s),
            # Envoy may start before auth: start without keys, and fetch again until it is up.
            "async_fetch": {"fast_listener": True, "failed_refetch_duration": "0.25s"},
        },
    }
    # Another audience and another header: a signature is no token, and a token no signature.
    signature = provider | {"audiences": ["atelier-url"], "from_headers": [{"name": SIGNATURE_HEADER}]}
    verified = [{"provider_name": "token"}, {"provider_name": "signature"}]
    key = {"name": "x-api-key", "present_match": True}
    return named(
        "jwt_authn", "jwt_authn.v3.JwtAuthentication",
        providers={"token": provider, "signature": signature},
        rules=[
            {
                "match": {"prefix": "/", "headers": [key]},
                "requires": {"requires_any": {"requirements": [*verified, {"allow_missing": {}}]}},
            },
            {"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": verified}}},
        ],
    )  # fmt: skip


def _ext_authz() -> Config:
    """Calls auth for every request without a valid token: an API key is exchanged for a token, anything else is 401."""
    return named(
        "ext_authz", "ext_authz.v3.ExtAuthz",
        transport_api_version="V3",
        grpc_service={
            # Of the whole check with its retries.
            "timeout": "2s",
            "envoy_grpc": {
                "cluster_name": AUTH_CHECKS,
                "retry_policy": {
                    "retry_on": "connect-failure,refused-stream,reset,unavailable",
                    "num_retries": 2,
                    "retry_back_off": {"base_interval": "0.05s", "max_interval": "0.2s"},
                },
            },
        },
        failure_mode_allow=False,
        status_on_error={"code": "ServiceUnavailable"},
        filter_enabled_metadata={
            "filter": _JWT_METADATA,
            "path": [{"key": JWT_PAYLOAD}, {"key": "sub"}],
            "value": {"present_match": True},
            "invert": True,
        },
        allowed_headers={"patterns": [
            {"exact": "x-api-key"}, {"exact": "authorization"}, {"exact": "traceparent"}, {"exact": "x-request-id"},
        ]},
    )  # fmt: skip


def _rate_limit(settings: GatewaySettings, of: str, header: str, **more: object) -> Config:
    """Limits requests with a token bucket for each value of `header`, which identifies an `of` (a key, a caller).

    Requests without the header share one bucket that is as large as all others.
    """
    bucket = {
        "max_tokens": settings.request_burst,
        "tokens_per_fill": settings.requests_per_s,
        "fill_interval": "1s",
    }
    everybody = {"max_tokens": 100_000, "tokens_per_fill": 100_000, "fill_interval": "1s"}
    value = {"request_headers": {"header_name": header, "descriptor_key": of}}
    return named(
        f"local_ratelimit.{of}", "local_ratelimit.v3.LocalRateLimit",
        stat_prefix=of,
        token_bucket=everybody,
        filter_enabled=_EVERY,
        filter_enforced=_EVERY,
        rate_limits=[{"actions": [value]}],
        # A descriptor without a value matches every value: each gets its own bucket.
        descriptors=[{"entries": [{"key": of}], "token_bucket": bucket}],
        max_dynamic_descriptors=settings.max_callers,
        always_consume_default_token_bucket=False,
        rate_limited_as_resource_exhausted=True,
        response_headers_to_add=[{"header": {"key": "retry-after", "value": "1"}}],
        **more,
    )  # fmt: skip


def transcoder(settings: GatewaySettings, methods: Iterable[Method]) -> Config:
    """Builds the config of the transcoder from REST to gRPC for the services of `methods`."""
    return typed(
        "extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
        proto_descriptor=str(settings.descriptor_set),
        services=sorted({method.service for method in methods}),
        convert_grpc_status=True,
        # Each quotation mark of a graph becomes two bytes (contract/json.lua). Smaller limits are those of the buffer
        # filter, by route.
        max_request_body_size=max(settings.max_json_bytes, 2 * settings.max_graph_bytes),
        max_response_body_size=settings.max_response_bytes,
        request_validation_options={
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
        print_options={
            "always_print_primitive_fields": True,
            "preserve_proto_field_names": True,
        },
    )


def _contract(settings: GatewaySettings, methods: tuple[Method, ...]) -> Config:
    """Refuses REST requests with parameters or fields that their RPC does not have."""
    script = contract_script(settings.folder / "contract", settings.descriptor_set, methods)
    return named("lua.contract", "lua.v3.Lua", default_source_code={"inline_string": script})


def _response_headers(settings: GatewaySettings) -> Config:
    """Sets headers of every response: the trace id (Envoy's own when it traces, otherwise that of rest.lua), and
    `no-store` unless the service or the route sets another `cache-control`."""
    value = "%TRACE_ID%" if settings.otlp_endpoint else "%DYNAMIC_METADATA(envoy.filters.http.lua:trace_id)%"
    header = {"header": {"key": "x-trace-id", "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    no_store = {"header": {"key": "cache-control", "value": "no-store"}, "append_action": "ADD_IF_ABSENT"}
    return named(
        "header_mutation", "header_mutation.v3.HeaderMutation",
        mutations={"response_mutations": [
            {"append": header}, {"append": no_store}, {"remove": "x-envoy-upstream-healthchecked-cluster"},
        ]},
    )  # fmt: skip


def build_filters(settings: GatewaySettings, methods: tuple[Method, ...]) -> list[Config]:
    """Builds all filters, in the order in which requests pass them; responses pass them in reverse."""
    return [
        _response_headers(settings),
        *build_cors_headers(settings),
        # Before authentication: a browser sends no credentials with a preflight.
        named("cors", "cors.v3.Cors"),
        # Before authentication, so that gRPC-Web clients can read a refusal.
        named("grpc_web", "grpc_web.v3.GrpcWeb"),
        # Responses reach them after the transcoder, as JSON.
        _lua("head", settings.folder / "head.lua"),
        _lua("lua", settings.folder / "rest.lua"),
        # Before any other process is called, auth among them; after the filters that shape its refusals.
        _lua("headers", settings.folder / "headers.lua"),
        _health(),
        # Disabled except on routes that take JSON: the transcoder bounds what it buffers, not what passes through it.
        # Before ext_authz, which stops reading a body that is too large while it waits for auth; its rest would not be
        # counted then.
        {**named("buffer", "buffer.v3.Buffer", max_request_bytes=settings.max_json_bytes), "disabled": True},
        # Before jwt_authn, which reads the headers that this one sets.
        _lua("credentials", settings.folder / "credentials.lua"),
        _jwt(settings),
        # Before auth is called: one key that is used too often must not delay the checks of others.
        _rate_limit(settings, "key", "x-api-key"),
        _ext_authz(),
        # After authentication: limits all keys and tokens of a caller together.
        _rate_limit(settings, "caller", SUBJECT_HEADER, enable_x_ratelimit_headers="DRAFT_VERSION_03"),
        # Just before the transcoder, which would ignore what it does not know.
        _contract(settings, methods),
        {
            "name": "envoy.filters.http.grpc_json_transcoder",
            "typed_config": transcoder(settings, (method for method in methods if not method.is_framed)),
        },
        named("router", "router.v3.Router", suppress_envoy_headers=True),
    ]
