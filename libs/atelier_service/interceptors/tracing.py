"""Tracing: a server span around every call, which continues the caller's trace."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from opentelemetry import trace

from atelier_service.interceptors.around import Around, Call, status_number
from atelier_service.telemetry import context_from_traceparent, tracer


class TracingInterceptor(Around):
    """Outermost, so that the span sees the status that the caller sees. Health checks leave no span."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Opens the span, and sets its status at the end."""
        if call.method.startswith("/grpc.health."):
            yield
            return
        service, _, method = call.method.strip("/").partition("/")
        parent = context_from_traceparent(call.header("traceparent") or "")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
        with tracer().start_as_current_span(
            f"{service}/{method}",
            context=parent,
            kind=trace.SpanKind.SERVER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            finally:
                _finish(span, call.context)


def _finish(span: trace.Span, context: grpc.aio.ServicerContext[Any, Any]) -> None:
    number = status_number(context)
    span.set_attribute("rpc.grpc.status_code", number)
    # As OpenTelemetry defines it, a fault of the caller is no error of a server span: only these codes are.
    if number in (2, 4, 12, 13, 14, 15):
        span.set_status(trace.StatusCode.ERROR)
