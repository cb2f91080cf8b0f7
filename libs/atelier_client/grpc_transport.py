"""Calls over gRPC, through the gateway or straight to a service."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from typing import Any

import grpc
import grpc.aio

from atelier.events.v1 import events_pb2
from atelier.events.v1.events_pb2 import Event, SubscribeRequest
from atelier_client import api_status
from atelier_client.errors import AtelierApiError, CannotReachError
from atelier_client.route import Route
from atelier_client.rpc import Req, Res, Rpc, rpc

_SUBSCRIBE = rpc(events_pb2.DESCRIPTOR, "EventService.Subscribe", SubscribeRequest, Event)
_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Also the time that a connection may take to come up, on a host that is busy.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # The client repeats calls by its own policy, where that is safe.
    ("grpc.enable_retries", 0),
    ("grpc.keepalive_time_ms", 60_000),
)


class GrpcTransport:
    """Transport over gRPC to `address` (`host:port`); `api_key` may be empty, `tls` is for all but loopback.

    The channel opens with the first call, in the event loop that makes it.
    """

    def __init__(self, address: str, api_key: str, *, tls: bool = False) -> None:
        if not address or "://" in address:
            raise ValueError(f"{address!r} is not of the form host:port")
        self._address = address
        self.base_url = ""
        self._metadata = {"x-api-key": api_key} if api_key else {}
        self._tls = tls
        self._channel: grpc.aio.Channel | None = None

    async def call(self, rpc: Rpc[Req, Res], request: Req, *, metadata: Mapping[str, str], timeout_s: float) -> Res:
        """See `Transport.call`."""
        method = self._open().unary_unary(rpc.path, _to_bytes, rpc.response_type.FromString)
        pending = method(request, timeout=timeout_s, metadata=self._pairs(metadata))
        try:
            response: Res = await pending
        except grpc.aio.AioRpcError as error:
            raise self._error_of(error) from error
        return response

    async def stream(self, rpc: Rpc[Req, Res], request: Req, *, idle_s: float) -> AsyncGenerator[Res]:
        """See `Transport.stream`."""
        method = self._open().unary_stream(rpc.path, _to_bytes, rpc.response_type.FromString)
        pending = method(request, metadata=self._pairs({}))
        try:
            while True:
                async with asyncio.timeout(idle_s):
                    message = await pending.read()
                if not isinstance(message, rpc.response_type):
                    return  # grpc.aio.EOF
                yield message
        except grpc.aio.AioRpcError as error:
            raise self._error_of(error) from error
        except TimeoutError as error:
            raise CannotReachError(f"{self._address} said nothing for {idle_s:g} s", delivered=True) from error
        finally:
            pending.cancel()

    async def upload(self, rpc: Rpc[Req, Res], first: Req, chunks: AsyncIterable[bytes], *, timeout_s: float) -> Res:
        """See `Transport.upload`: the first message holds the fields, those after it the chunks."""
        field = Route.of(rpc.method).body

        async def messages() -> AsyncIterator[Req]:
            yield first
            async for chunk in chunks:
                message = rpc.request_type()
                getattr(message, field).data = chunk
                yield message

        method = self._open().stream_unary(rpc.path, _to_bytes, rpc.response_type.FromString)
        try:
            response: Res = await method(messages(), timeout=timeout_s, metadata=self._pairs({}))
        except grpc.aio.AioRpcError as error:
            raise self._error_of(error) from error
        return response

    def events(self, request: SubscribeRequest, *, idle_s: float) -> AsyncGenerator[Event]:
        """See `Transport.events`: `EventService.Subscribe`."""
        return self.stream(_SUBSCRIBE, request, idle_s=idle_s)

    async def close(self) -> None:
        """See `Transport.close`."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def _open(self) -> grpc.aio.Channel:
        if self._channel is None:
            if self._tls:
                self._channel = grpc.aio.secure_channel(self._address, grpc.ssl_channel_credentials(), options=_OPTIONS)
            else:
                self._channel = grpc.aio.insecure_channel(self._address, options=_OPTIONS)
        return self._channel

    def _pairs(self, metadata: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        return tuple({**self._metadata, **metadata}.items())

    def _error_of(self, error: grpc.aio.AioRpcError) -> AtelierApiError:
        """Converts `error`. One without metadata of the peer was raised on this side: no response was received."""
        received = {str(k): v for k, v in (*(error.initial_metadata() or ()), *(error.trailing_metadata() or ()))}
        code = error.code()
        if not received and code is grpc.StatusCode.UNAVAILABLE:
            text = error.details() or "no answer"
            return CannotReachError(f"cannot reach {self._address}: {text}", delivered="connect" not in text.lower())
        if not received and code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return CannotReachError(f"{self._address} did not answer in time", delivered=True)
        packed = received.get("grpc-status-details-bin")
        trace_id = received.get("x-trace-id", "")
        return api_status.from_grpc(
            code.name,
            error.details() or "",
            packed if isinstance(packed, bytes) else None,
            trace_id if isinstance(trace_id, str) else "",
        )


def _to_bytes(message: Any) -> bytes:
    data: bytes = message.SerializeToString()
    return data
