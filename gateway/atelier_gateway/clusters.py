"""Envoy clusters: one per service for calls, one per service for streams, and those that Envoy itself needs."""

import ipaddress

from atelier_gateway.config import Config, seconds, socket_address, split_address, typed
from atelier_gateway.settings import GatewaySettings

CLUSTER_OF = {
    "atelier.auth.v1.AuthService": "auth",
    "atelier.storage.v1.StorageService": "storage",
    "atelier.image.v1.ImageService": "image",
    "atelier.image.v1.ImageStreamService": "image",
    "atelier.video.v1.VideoService": "video",
    "atelier.video.v1.VideoStreamService": "video",
    "atelier.video.v1.VideoModelService": "video",
    "atelier.workflow.v1.WorkflowService": "workflow",
    "atelier.workflow.v1.ExecutionService": "workflow",
    "atelier.workflow.v1.ExecutionStreamService": "workflow",
    "atelier.models.v1.ModelService": "jobs",
    "atelier.jobs.v1.JobService": "jobs",
    "atelier.events.v1.JobEventService": "jobs",
    "atelier.events.v1.JobEventStreamService": "jobs",
    "atelier.events.v1.EventService": "events",
    "atelier.events.v1.EventStreamService": "events",
    "atelier.events.v1.SystemService": "events",
}
"""The cluster of each service of the contracts. The cluster `jobs` has the services that draw
as hosts: each of them serves the jobs and models of all services."""

NOWHERE = "nowhere"
"""A cluster without hosts, for routes that are replaced when the request is transcoded."""

AUTH_CHECKS = "auth_checks"
"""The cluster for Envoy's own calls of auth: exchange of API keys, and the signing keys. Its connections carry no
request of a caller, so no caller can break them."""

WEBSOCKETS = "events_http"
"""The cluster of the events service's HTTP port, which takes WebSockets."""

SERVICE_CLUSTERS = tuple(sorted(set(CLUSTER_OF.values())))

_HEALTH_INTERVAL_S = 1.0
_CONNECTION_BUFFER_BYTES = 1 << 20
_STREAM_WINDOW_BYTES = 256 << 10
_CONNECTION_WINDOW_BYTES = (1 << 31) - 1
"""Bytes that a slow reader does not consume fill the window of its stream, and count against the window of the
connection, which all callers of a service share. The connection's window must never fill: a few stalled readers would
block all callers."""


def streams(cluster: str) -> str:
    """Returns the name of the cluster for streams: there each watcher counts as an active request in the circuit
    breaker."""
    return f"{cluster}_streams"


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _own(listen: str) -> str:
    """Returns the address by which Envoy connects to its own listener at `listen`."""
    host, port = split_address(listen)
    return f"127.0.0.1:{port}" if host in ("0.0.0.0", "::") else listen  # noqa: S104 - compared, not bound


def _cluster(name: str, *addresses: str, http2: bool, max_requests: int = 1024) -> Config:
    hosts = [split_address(address) for address in addresses]
    windows = {
        "initial_stream_window_size": _STREAM_WINDOW_BYTES,
        "initial_connection_window_size": _CONNECTION_WINDOW_BYTES,
    }
    protocol: Config = {"http2_protocol_options": windows} if http2 else {"http_protocol_options": {}}
    return {
        "name": name,
        "type": "STATIC" if all(_is_ip(host) for host, _ in hosts) else "STRICT_DNS",
        "connect_timeout": "1s",
        "per_connection_buffer_limit_bytes": _CONNECTION_BUFFER_BYTES,
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": socket_address(host, port)}} for host, port in hosts]}
            ],
        },
        # Unhealthy hosts are called only when no host is healthy.
        "common_lb_config": {"healthy_panic_threshold": {"value": 1}},
        "circuit_breakers": {
            "thresholds": [
                {"max_connections": max_requests, "max_requests": max_requests,
                 "max_pending_requests": max_requests, "max_retries": max_requests}
            ]
        },
        # No HTTP/2 pings: gRPC servers close connections (GOAWAY) on frequent ones.
        "upstream_connection_options": {"tcp_keepalive": {"keepalive_time": 30, "keepalive_interval": 5}},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                "extensions.upstreams.http.v3.HttpProtocolOptions", explicit_http_config=protocol
            )
        },
    }  # fmt: skip


def _checked(cluster: Config) -> Config:
    """Adds a gRPC health check, whose result `/healthz` reports.

    A cluster with one host is called even when the host is unhealthy (Envoy's panic threshold), so that a service that
    is available again is called at once. Of several hosts only healthy ones are called.
    """
    check = {
        "timeout": seconds(_HEALTH_INTERVAL_S),
        "interval": seconds(_HEALTH_INTERVAL_S),
        "no_traffic_interval": seconds(_HEALTH_INTERVAL_S),
        "unhealthy_interval": seconds(_HEALTH_INTERVAL_S / 2),
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
        "grpc_health_check": {},
    }
    return cluster | {"health_checks": [check]}


def build_clusters(settings: GatewaySettings) -> list[Config]:
    """Returns all clusters of the bootstrap."""
    addresses = {
        "auth": (settings.auth_address,),
        "storage": (settings.storage_address,),
        "image": (settings.image_address,),
        "video": (settings.video_address,),
        "workflow": (settings.workflow_address,),
        "jobs": (settings.image_address, settings.video_address),
        "events": (settings.events_address,),
    }
    found = [_checked(_cluster(name, *addresses[name], http2=True)) for name in SERVICE_CLUSTERS]
    for name in SERVICE_CLUSTERS:
        cluster = _cluster(streams(name), *addresses[name], http2=True, max_requests=settings.max_streams)
        found.append(_checked(cluster) if len(addresses[name]) > 1 else cluster)
    found += [
        _cluster(AUTH_CHECKS, *addresses["auth"], http2=True),
        _cluster(WEBSOCKETS, settings.websocket_address, http2=False, max_requests=settings.max_streams),
        _cluster("internal", _own(settings.internal_listen), http2=False),
        _cluster("admin", f"127.0.0.1:{settings.admin_port}", http2=False),
        {"name": NOWHERE, "type": "STATIC"},
    ]
    if settings.otlp_endpoint:
        found.append(_cluster("otlp", settings.otlp_endpoint, http2=True))
    return found
