"""Client spans: one for each call of another service, from its beginning to its end.

Names and attributes are OpenTelemetry's for RPCs.
"""

import asyncio
from typing import Any

import grpc
import grpc.aio
from opentelemetry import trace

from atelier_service.telemetry import tracer

_ending: set[asyncio.Task[None]] = set()  # strong references: the loop holds only weak ones


def peer_attributes(address: str) -> dict[str, str | int]:
    """Returns the span attributes of the callee at `address` (host:port)."""
    host, _, port = address.rpartition(":")
    return {"server.address": host, "server.port": int(port)} if port.isdigit() else {"server.address": address}


def start_client_span(method: str | bytes, peer: dict[str, str | int]) -> trace.Span:
    """Starts a span of a call of `method`, such as `/package.Service/Method`; `end_client_span` ends it."""
    name = (method if isinstance(method, str) else method.decode()).strip("/")
    service, _, rpc = name.partition("/")
    attributes: dict[str, str | int] = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": rpc, **peer}
    return tracer().start_span(name, kind=trace.SpanKind.CLIENT, attributes=attributes)


def end_client_span(span: trace.Span, call: Any) -> None:
    """Ends the span of a completed call; to be called in the event loop. A cancellation by the caller is no error."""
    task = asyncio.get_running_loop().create_task(_end(span, call))
    _ending.add(task)
    task.add_done_callback(_ending.discard)


async def _end(span: trace.Span, call: Any) -> None:
    code: grpc.StatusCode = await call.code()  # known by now
    span.set_attribute("rpc.grpc.status_code", code.value[0])
    if code not in (grpc.StatusCode.OK, grpc.StatusCode.CANCELLED):
        span.set_status(trace.StatusCode.ERROR, code.name)
    span.end()
