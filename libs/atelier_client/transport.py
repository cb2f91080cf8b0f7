"""The transport: the port between the client's API and gRPC or REST."""

from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from typing import Protocol

from atelier.events.v1.events_pb2 import Event, SubscribeRequest
from atelier_client.rpc import Req, Res, Rpc


class Transport(Protocol):
    """Makes calls. Every method but `close` raises AtelierApiError, and CannotReachError when no response was received.

    A transport does not retry: `Connection` does. `base_url` is the base URL of the gateway's REST API, empty when
    unknown.
    """

    base_url: str

    async def call(self, rpc: Rpc[Req, Res], request: Req, *, metadata: Mapping[str, str], timeout_s: float) -> Res:
        """Makes a unary call.

        Args:
            rpc: The method.
            request: Its message.
            metadata: Sent as HTTP headers or gRPC metadata; names in lower case.
            timeout_s: The deadline in seconds.

        Returns:
            The response.
        """
        ...

    def stream(self, rpc: Rpc[Req, Res], request: Req, *, idle_s: float) -> AsyncGenerator[Res]:
        """Yields the responses to one request; raises CannotReachError when none arrives for `idle_s` seconds."""
        ...

    async def upload(self, rpc: Rpc[Req, Res], first: Req, chunks: AsyncIterable[bytes], *, timeout_s: float) -> Res:
        """Uploads a file as a stream.

        Args:
            rpc: The method, one of whose fields is the HTTP body.
            first: The other fields.
            chunks: The file, in chunks of at most 1 MiB.
            timeout_s: The deadline in seconds.

        Returns:
            The response.
        """
        ...

    def events(self, request: SubscribeRequest, *, idle_s: float) -> AsyncGenerator[Event]:
        """Yields every event of the caller, including heartbeats, until the server ends the stream.

        Raises CannotReachError when none arrives for `idle_s` seconds.
        """
        ...

    async def close(self) -> None:
        """Closes the connections. Idempotent."""
        ...
