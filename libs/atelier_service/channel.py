"""Channels to other services: they carry the trace and a token."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from opentelemetry import trace

from atelier_service.identity import current_token
from atelier_service.telemetry import current_traceparent, tracer

# Chunks of files travel in messages of at most 1 MiB; nothing inside the mesh needs more than this.
MAX_MESSAGE_BYTES = 4 * 1024 * 1024

TokenSource = Callable[[], Awaitable[str]]

_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # A service that comes back is found again within a second, and not after gRPC's two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2_000),  # also how long one try to connect may take
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


async def _callers_token() -> str:
    return current_token()


class _Outgoing:
    """Adds `authorization` and `traceparent` to what leaves, and a client span around unary calls."""

    def __init__(self, token: TokenSource) -> None:
        self._token = token

    async def _details(self, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
        metadata = grpc.aio.Metadata(*(details.metadata or ()))
        traceparent = current_traceparent()
        if traceparent:
            metadata["traceparent"] = traceparent
        if metadata.get("authorization") is None and (token := await self._token()):
            metadata["authorization"] = f"Bearer {token}"
        return grpc.aio.ClientCallDetails(
            details.method, details.timeout, metadata, details.credentials, details.wait_for_ready
        )

    async def _call(self, continuation: Any, details: grpc.aio.ClientCallDetails, request: Any) -> Any:
        method = details.method if isinstance(details.method, str) else details.method.decode()
        with tracer().start_as_current_span(method.strip("/"), kind=trace.SpanKind.CLIENT):
            return await continuation(await self._details(details), request)


class _UnaryUnary(_Outgoing, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        method = client_call_details.method
        name = (method if isinstance(method, str) else method.decode()).strip("/")
        with tracer().start_as_current_span(name, kind=trace.SpanKind.CLIENT):
            call = await continuation(await self._details(client_call_details), request)
            await call.code()  # the span lasts until the answer is there; the caller reads or raises it
            return call


class _UnaryStream(_Outgoing, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await self._call(continuation, client_call_details, request)


class _StreamUnary(_Outgoing, grpc.aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await self._call(continuation, client_call_details, request_iterator)


def open_channel(address: str, *, token: TokenSource | None = None) -> grpc.aio.Channel:
    """A channel to `address` (host:port); the caller closes it.

    Calls carry the current trace, and the token that `token` answers: by default that of the caller being served.
    """
    source = token or _callers_token
    return grpc.aio.insecure_channel(
        address,
        options=_OPTIONS,
        interceptors=[_UnaryUnary(source), _UnaryStream(source), _StreamUnary(source)],
    )
