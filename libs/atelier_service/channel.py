"""gRPC channels to other services, whose calls carry the trace and a token."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import grpc
import grpc.aio
from opentelemetry import trace

from atelier_service.client_spans import end_client_span, peer_attributes, start_client_span
from atelier_service.identity import current_token
from atelier_service.telemetry import current_traceparent

# Chunks of files travel in messages of at most 1 MiB; nothing inside the mesh needs more than this.
MAX_MESSAGE_BYTES = 4 * 1024 * 1024

TokenSource = Callable[[], Awaitable[str]]

_OPTIONS = [
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # A restarted service is reconnected within a second; gRPC's own backoff grows to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2_000),  # also the timeout of one connection attempt
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


async def _callers_token() -> str:
    return current_token()


class _Outgoing:
    """Adds `authorization` and `traceparent` to outgoing calls, and a client span to each until its end."""

    def __init__(self, peer: dict[str, str | int], token: TokenSource) -> None:
        self._peer = peer
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
        span = start_client_span(details.method, self._peer)
        try:
            with trace.use_span(span):
                call = await continuation(await self._details(details), request)
        except BaseException:
            span.end()
            raise
        if span.is_recording():
            call.add_done_callback(partial(end_client_span, span))
        return call


class _UnaryUnary(_Outgoing, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await self._call(continuation, client_call_details, request)


class _UnaryStream(_Outgoing, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await self._call(continuation, client_call_details, request)


class _StreamStream(_Outgoing, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await self._call(continuation, client_call_details, request_iterator)


class _StreamUnary(_Outgoing, grpc.aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await self._call(continuation, client_call_details, request_iterator)


def open_channel(
    address: str, *, token: TokenSource | None = None, max_message_bytes: int = MAX_MESSAGE_BYTES
) -> grpc.aio.Channel:
    """Opens a channel whose calls carry the current trace and a token; the caller closes it.

    Args:
        address: `host:port`.
        token: Returns the token of a call; by default that of the caller being served.
        max_message_bytes: Larger messages are refused, in both directions.
    """
    source = token or _callers_token
    peer = peer_attributes(address)
    return grpc.aio.insecure_channel(
        address,
        options=[
            *_OPTIONS,
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", max_message_bytes),
        ],
        interceptors=[
            _UnaryUnary(peer, source),
            _UnaryStream(peer, source),
            _StreamUnary(peer, source),
            _StreamStream(peer, source),
        ],
    )
