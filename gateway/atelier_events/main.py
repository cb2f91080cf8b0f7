"""atelier-events: the WebSocket endpoint, EventService and SystemService."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from grpc.aio import Server
from websockets.asyncio.server import serve as serve_websocket

from atelier.events.v1 import events_pb2_grpc
from atelier_events.board import StatusBoard
from atelier_events.feed import EventFeed
from atelier_events.servicer import EventServicer, EventStreamServicer, SystemServicer
from atelier_events.settings import EventsSettings
from atelier_events.subscription import Subscriptions
from atelier_events.websocket import EventSocket
from atelier_jobs.events.pace import Pace
from atelier_jobs.messaging.bus import Bus
from atelier_jobs.messaging.streams import Streams
from atelier_service.credentials import jwks_from
from atelier_service.identity import JwksSource, TokenVerifier
from atelier_service.process import background
from atelier_service.revoked_keys import RevokedKeys
from atelier_service.server import run_server
from atelier_service.service import read_settings, run_service
from atelier_service.stream_slots import StreamSlots

_LOOK_EVERY_S = 5.0
_TELL_EVERY = 6


@dataclass(frozen=True)
class RunningEvents:
    """Where the service listens."""

    port: int
    websocket_port: int


async def _tell_status(board: StatusBoard, feed: EventFeed) -> None:
    """`system.status` every 30 s; a worker that fell silent is noticed every 5 s."""
    for tick in itertools.count(1):
        await asyncio.sleep(_LOOK_EVERY_S)
        board.tell_changes()
        if tick % _TELL_EVERY == 0:
            feed.broadcast(board.event())


@asynccontextmanager
async def serve(settings: EventsSettings, jwks: JwksSource) -> AsyncIterator[RunningEvents]:
    """The whole service, while the context is open; `jwks` fetches the keys that tokens are verified with."""
    async with AsyncExitStack() as stack:
        verifier = TokenVerifier(jwks)
        bus = await stack.enter_async_context(Bus.open(settings.nats_url, name="atelier-events"))
        feed = EventFeed(bus, Streams(), Pace(settings.watch_rate_per_s), settings.backlog_events)
        board = StatusBoard(bus, feed.broadcast)
        revoked = RevokedKeys()
        works = (feed.run(), board.run(), _tell_status(board, feed), revoked.run(settings.auth_address))
        await stack.enter_async_context(background(*works))
        subscriptions = Subscriptions(feed, StreamSlots(settings.max_streams_per_caller), settings.heartbeat_s)

        def register(server: Server) -> None:
            events_pb2_grpc.add_EventServiceServicer_to_server(EventServicer(subscriptions), server)
            events_pb2_grpc.add_EventStreamServiceServicer_to_server(EventStreamServicer(subscriptions), server)
            events_pb2_grpc.add_SystemServiceServicer_to_server(SystemServicer(board, settings.state_dir), server)

        socket = EventSocket(subscriptions, verifier, revoked)
        host, _, port = settings.websocket_listen.rpartition(":")
        websocket = await stack.enter_async_context(
            serve_websocket(
                socket.serve,
                host,
                int(port),
                process_request=socket.authorise,
                max_size=4096,  # clients have nothing to say
                compression=None,  # previews are JPEG already
                server_header=None,
            )
        )
        server = await stack.enter_async_context(
            run_server(settings, register=register, verifier=verifier, revoked=revoked)
        )
        yield RunningEvents(server.port, next(iter(websocket.sockets)).getsockname()[1])


def main() -> None:
    """Entry point of `atelier-events`."""
    settings = read_settings(EventsSettings, "atelier-events")
    run_service(settings, "atelier-events", lambda: serve(settings, jwks_from(settings.auth_address)))
