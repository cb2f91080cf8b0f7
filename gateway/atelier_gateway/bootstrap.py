"""Envoy's bootstrap: its whole configuration."""

from atelier_gateway.clusters import build_clusters
from atelier_gateway.config import Config, socket_address, typed
from atelier_gateway.contract import read_methods
from atelier_gateway.listeners import build_internal_listener, build_public_listener
from atelier_gateway.settings import GatewaySettings
from atelier_gateway.worker_listener import build_worker_listener


def render(settings: GatewaySettings) -> Config:
    """Builds the bootstrap that `envoy --config-path` takes, as JSON.

    Args:
        settings: Addresses, limits, and the folder of the descriptor set and the scripts.

    Raises:
        ConfigurationError: Swagger UI is not installed.
        OSError: A file of `settings.folder` cannot be read.
    """
    methods = read_methods(settings.descriptor_set)
    connections = {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": typed(
            "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
            max_active_downstream_connections=settings.max_connections,
        ),
    }
    return {
        "node": {"id": "gateway", "cluster": "atelier"},
        "admin": {"address": socket_address("127.0.0.1", settings.admin_port), "ignore_global_conn_limit": True},
        "layered_runtime": {
            "layers": [
                # Spans are sent after a second, not after five.
                {"name": "static", "static_layer": {"tracing.opentelemetry.flush_interval_ms": 1000}}
            ]
        },
        "overload_manager": {"resource_monitors": [connections]},
        "static_resources": {
            "listeners": [
                build_public_listener(settings, methods),
                build_internal_listener(settings, methods),
                *([build_worker_listener(settings)] if settings.worker_listen else []),
            ],
            "clusters": build_clusters(settings),
        },
    }
