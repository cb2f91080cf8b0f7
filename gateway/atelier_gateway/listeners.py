"""The two ports: the public one, and the internal one for metrics and for Envoy itself."""

from atelier_gateway.clusters import AUTH_CHECKS
from atelier_gateway.config import Config, seconds, socket_address, split_address, typed
from atelier_gateway.contract import Method
from atelier_gateway.filters import build_filters, named, transcoder
from atelier_gateway.observability import build_access_log, build_tracing
from atelier_gateway.replies import build_local_replies
from atelier_gateway.routes import build_routes
from atelier_gateway.settings import GatewaySettings

_CONNECTION_BUFFER_BYTES = 1 << 20
_HEADERS_KIB = 96
_HEADERS_COUNT = 4000
"""Beyond these, and beyond 64 KiB in one header, Envoy's codec refuses a request, over HTTP/2 without a status.
headers.lua has lower limits."""


def _connection_manager(**fields: object) -> list[Config]:
    kind = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    manager = {"name": "envoy.filters.network.http_connection_manager", "typed_config": typed(kind, **fields)}
    return [{"filters": [manager]}]


def _drop_internal_headers() -> Config:
    """Drops headers that identify the caller, or that Envoy trusts, before any filter reads them."""
    prefixes = ("x-atelier-", "x-envoy-", "x-http-")
    removed = [{"remove_on_match": {"key_matcher": {"prefix": prefix, "ignore_case": True}}} for prefix in prefixes]
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": typed(
            "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation", mutations=removed
        ),
    }


def build_public_listener(settings: GatewaySettings, methods: tuple[Method, ...]) -> Config:
    """Builds the public listener, the only open port."""
    return {
        "name": "public",
        "address": socket_address(*split_address(settings.listen)),
        "per_connection_buffer_limit_bytes": max(_CONNECTION_BUFFER_BYTES, settings.max_json_bytes),
        "filter_chains": _connection_manager(
            stat_prefix="public",
            codec_type="AUTO",
            server_name="atelier",
            use_remote_address=True,
            normalize_path=True,
            merge_slashes=True,
            path_with_escaped_slashes_action="REJECT_REQUEST",
            early_header_mutation_extensions=[_drop_internal_headers()],
            request_headers_timeout="10s",
            max_request_headers_kb=_HEADERS_KIB,
            stream_idle_timeout=seconds(settings.idle_timeout_s),
            drain_timeout=seconds(settings.drain_s),
            common_http_protocol_options={"idle_timeout": "900s", "max_headers_count": _HEADERS_COUNT},
            # A plain proxy_pass of nginx speaks HTTP/1.0, in which the host header is optional.
            http_protocol_options={"accept_http_10": True, "default_host_for_http_10": "atelier"},
            http2_protocol_options={
                "max_concurrent_streams": 1000,
                "initial_stream_window_size": 1 << 16,
                "initial_connection_window_size": 1 << 20,
            },
            local_reply_config=build_local_replies(),
            route_config=build_routes(settings, methods),
            http_filters=build_filters(settings, methods),
            access_log=build_access_log(settings),
            **build_tracing(settings),
        ),
    }


def build_internal_listener(settings: GatewaySettings, methods: tuple[Method, ...]) -> Config:
    """Builds the internal listener: metrics for Prometheus, and the signing keys over HTTP for jwt_authn, which has no
    gRPC client."""
    jwks = tuple(method for method in methods if method.name == "GetJwks")
    routes = [
        {
            "match": {"path": "/metrics"},
            "route": {"cluster": "admin", "prefix_rewrite": "/stats/prometheus?usedonly"},
            "typed_per_filter_config": {
                "envoy.filters.http.grpc_json_transcoder": typed(
                    "config.route.v3.FilterConfig", disabled=True, config={}
                )
            },
        },
        {"match": {"path": jwks[0].path}, "route": {"cluster": AUTH_CHECKS, "timeout": "2s"}},
    ]
    return {
        "name": "internal",
        "address": socket_address(*split_address(settings.internal_listen)),
        "ignore_global_conn_limit": True,
        "filter_chains": _connection_manager(
            stat_prefix="internal",
            route_config={
                "name": "internal",
                "virtual_hosts": [{"name": "internal", "domains": ["*"], "routes": routes}],
            },
            http_filters=[
                {"name": "envoy.filters.http.grpc_json_transcoder", "typed_config": transcoder(settings, jwks)},
                named("router", "router.v3.Router"),
            ],
        ),
    }
