"""Traces, logs and metrics of a process.

Spans are exported as OTLP when an endpoint is set and dropped otherwise; trace ids exist either way, so that logs, jobs
and events always contain one. Logs are JSON lines on standard output.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import start_http_server

from atelier_service.settings import ServiceSettings

_PROPAGATOR = TraceContextTextMapPropagator()
_TRACER = trace.get_tracer("atelier")  # a proxy, which delegates to the provider that is set later


def tracer() -> trace.Tracer:
    """The tracer of this process."""
    return _TRACER


def current_trace_id() -> str:
    """The trace id of the current span, 32 hex digits, or the empty string outside of any."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""


def current_traceparent() -> str:
    """The W3C traceparent of the current span, or the empty string outside of any."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent", "")


def context_from_traceparent(traceparent: str) -> Context:
    """Returns the context of a W3C traceparent; an empty one starts a new trace."""
    return _PROPAGATOR.extract({"traceparent": traceparent}, context=Context())


def trace_id_of(traceparent: str) -> str:
    """The trace id inside a W3C traceparent, 32 hex digits, or the empty string."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) == 4 else ""


def _add_trace(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    trace_id = current_trace_id()
    if trace_id:
        event["trace_id"] = trace_id
    return event


def _configure_logs(level: str, service: str) -> None:
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _add_trace,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared[:2], *shared[3:5], structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Verbose below WARNING, and of no use to operators.
    for name in ("httpcore", "httpx", "nats", "urllib3", "websockets", "sqlalchemy"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.contextvars.bind_contextvars(service=service)


def start_telemetry(settings: ServiceSettings, service: str) -> TracerProvider:
    """Sets up logs, traces and metrics of this process.

    Args:
        settings: Log level, OTLP endpoint, and address of the metrics.
        service: The name of the service in logs and spans.

    Returns:
        The tracer provider. The caller calls `shutdown()` on it at the end, which flushes the spans.

    Raises:
        OSError: The port of the metrics is in use.
    """
    _configure_logs(settings.log_level, service)
    # Without an endpoint no span is recorded, which costs next to nothing; ids are created and propagated all the same.
    sampler = ALWAYS_ON if settings.otlp_endpoint else ALWAYS_OFF
    provider = TracerProvider(sampler=sampler, resource=Resource.create({SERVICE_NAME: service}))
    if settings.otlp_endpoint:
        # Imported only here: the exporter costs 100 ms and some megabytes.
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter(endpoint=settings.otlp_endpoint, insecure=True)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    trace.set_tracer_provider(provider)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, addr=settings.metrics_host)
    return provider
