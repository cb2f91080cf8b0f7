"""The listener for workers on other hosts: one address for the plane of their kind, storage and auth."""

from atelier_gateway.clusters import streams
from atelier_gateway.config import Config, seconds, socket_address, split_address, typed
from atelier_gateway.observability import build_access_log, build_tracing
from atelier_gateway.settings import GatewaySettings
from atelier_service.metadata import KIND_HEADER

KINDS = {"image": "image", "video": "video", "workflow": "workflow"}
"""The cluster whose service serves the jobs of a kind."""

_PLANE = (
    "atelier.jobs.v1.WorkerService",
    "atelier.models.v1.ModelWorkerService",
    "atelier.workflow.v1.WorkflowWorkerService",
)
_ENDLESS = ("/atelier.jobs.v1.WorkerService/Connect", "/atelier.models.v1.ModelWorkerService/WatchModelCommands")
_FILES = ("/atelier.storage.v1.StorageService/CreateAsset", "/atelier.storage.v1.StorageService/GetAssetContent")
_TOKENS = ("/atelier.auth.v1.AuthService/CreateServiceToken", "/atelier.auth.v1.AuthService/GetJwks")
_CONNECTION_BUFFER_BYTES = 1 << 20


def build_worker_listener(settings: GatewaySettings) -> Config:
    """Builds the listener: gRPC alone, and of that only what a worker calls. The services check the credentials.

    Args:
        settings: `worker_listen` must be set.
    """
    kind = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": typed("extensions.filters.http.router.v3.Router"),
    }
    manager = typed(
        kind,
        stat_prefix="workers",
        codec_type="HTTP2",
        server_name="atelier",
        use_remote_address=True,
        request_headers_timeout="10s",
        # Streams of workers may be silent; a connection whose other end is gone is found by pings.
        stream_idle_timeout="0s",
        drain_timeout=seconds(settings.drain_s),
        http2_protocol_options={
            "max_concurrent_streams": 1000,
            "connection_keepalive": {"interval": "30s", "timeout": "10s"},
        },
        route_config={
            "name": "workers",
            "virtual_hosts": [{"name": "workers", "domains": ["*"], "routes": list(_routes(settings))}],
            # A signature is a credential too, and none that a worker has.
            "request_headers_to_remove": ["x-atelier-signature", "x-atelier-head-of-stream"],
        },
        http_filters=[router],
        access_log=build_access_log(settings),
        **build_tracing(settings),
    )
    return {
        "name": "workers",
        "address": socket_address(*split_address(settings.worker_listen)),
        "per_connection_buffer_limit_bytes": _CONNECTION_BUFFER_BYTES,
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _routes(settings: GatewaySettings) -> list[Config]:
    call, longest = seconds(settings.call_timeout_s), seconds(settings.download_timeout_s)
    routes = []
    for kind, cluster in KINDS.items():
        of_kind = {"headers": [{"name": KIND_HEADER, "string_match": {"exact": kind}}]}
        routes += [_route({"path": path, **of_kind}, streams(cluster), "0s") for path in _ENDLESS]
        routes += [_route({"prefix": f"/{service}/", **of_kind}, cluster, call) for service in _PLANE]
    routes += [_route({"path": path}, streams("storage"), longest) for path in _FILES]
    routes += [_route({"path": path}, "auth", call) for path in _TOKENS]
    return routes


def _route(match: Config, cluster: str, timeout: str) -> Config:
    return {"match": {**match, "grpc": {}}, "route": {"cluster": cluster, "timeout": timeout}}
