"""The transport: the port between the client's API and gRPC or REST."""

from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from typing import Protocol

from atelier.events.v1.events_pb2 import Event, SubscribeRequest
from atelier_client.rpc import Req, Res, Rpc


class Transport(Protocol):
    """Carries calls. Every method raises AtelierApiError, and CannotReachError when no response came.

    It repeats nothing: `Connection` does. `base_url` is where the gateway's REST is, empty when
    that is not known.
    """

    base_url: str

    async def call(self, rpc: Rpc[Req, Res], request: Req, *, metadata: Mapping[str, str], timeout_s: float) -> Res:
        """One request, one response. `metadata` is sent as HTTP headers or gRPC metadata; names in lower case."""
        ...

    def stream(self, rpc: Rpc[Req, Res], request: Req, *, idle_s: float) -> AsyncGenerator[Res]:
        """One request, a stream of responses; ended with an error when none comes for `idle_s` seconds."""
        ...

    async def upload(self, rpc: Rpc[Req, Res], first: Req, chunks: AsyncIterable[bytes], *, timeout_s: float) -> Res:
        """Streams `chunks` (at most 1 MiB each) into the RPC's body field; `first` holds the other fields."""
        ...

    def events(self, request: SubscribeRequest, *, idle_s: float) -> AsyncGenerator[Event]:
        """Every event of the caller, heartbeats among them; ends only when the server ends it."""
        ...

    async def close(self) -> None:
        """Closes the connections. Idempotent."""
        ...
