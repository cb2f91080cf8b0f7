"""Observability of the gateway: access log and traces."""

from atelier_gateway.config import Config, typed
from atelier_gateway.filters import SUBJECT_HEADER
from atelier_gateway.settings import GatewaySettings


def build_access_log(settings: GatewaySettings) -> list[Config]:
    """Builds the access log: one JSON object per request, without query strings and credentials."""
    trace = "%TRACE_ID%" if settings.otlp_endpoint else "%DYNAMIC_METADATA(envoy.filters.http.lua:trace_id)%"
    fields = {
        "time": "%START_TIME%",
        "method": "%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD)%",
        "path": "%PATH(NQ:ORIG_OR_PATH)%",
        "rpc": "%PATH(NQ:PATH)%",
        "route": "%ROUTE_NAME%",
        "protocol": "%PROTOCOL%",
        "status": "%RESPONSE_CODE%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "flags": "%RESPONSE_FLAGS%",
        "grpc_status": "%GRPC_STATUS%",
        "duration_ms": "%DURATION%",
        "received_bytes": "%BYTES_RECEIVED%",
        "sent_bytes": "%BYTES_SENT%",
        "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        "subject": f"%REQ({SUBJECT_HEADER.upper()})%",
        "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "trace_id": trace,
    }
    return [
        {
            "name": "envoy.access_loggers.file",
            "typed_config": typed(
                "extensions.access_loggers.file.v3.FileAccessLog",
                path=str(settings.access_log),
                log_format={"json_format": fields, "omit_empty_values": False},
            ),
        }
    ]


def build_tracing(settings: GatewaySettings) -> Config:
    """Returns the connection manager's fields for sending spans; empty without an endpoint."""
    if not settings.otlp_endpoint:
        return {}
    provider = {
        "name": "envoy.tracers.opentelemetry",
        "typed_config": typed(
            "config.trace.v3.OpenTelemetryConfig",
            grpc_service={"envoy_grpc": {"cluster_name": "otlp"}, "timeout": "1s"},
            service_name="atelier-gateway",
        ),
    }
    subject = {"tag": "atelier.subject", "request_header": {"name": SUBJECT_HEADER}}
    return {
        "tracing": {
            "random_sampling": {"value": 100},
            "spawn_upstream_span": True,
            "provider": provider,
            "custom_tags": [subject],
            # Otherwise every span is named after the host or the cluster.
            "operation": "%ROUTE_NAME%",
            "upstream_operation": "%ROUTE_NAME%",
        }
    }
