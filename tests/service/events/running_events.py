"""A running events service, and a publisher of what it sends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio

from atelier.events.v1 import events_pb2, events_pb2_grpc
from atelier_events.main import serve
from atelier_events.settings import EventsSettings
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus
from atelier_jobs.messaging.streams import Streams
from atelier_service.ids import uuid7
from tests.support.nats import NatsServer
from tests.support.tokens import TestSigner


@dataclass(frozen=True)
class RunningEventsService:
    """Where it is, and how to call it."""

    signer: TestSigner
    bus: Bus
    stub: events_pb2_grpc.EventServiceStub
    frames: events_pb2_grpc.EventStreamServiceStub
    websocket_url: str

    def subscribe(self, caller: str = "ada", **fields: Any) -> Any:
        """A stream of the caller's events."""
        return self.stub.Subscribe(events_pb2.SubscribeRequest(**fields), metadata=self.signer.metadata(caller))

    async def publish(self, count: int, owner: str = "ada", size_bytes: int = 0) -> None:
        """Durable events of `owner`, each about a job of its own."""
        for _ in range(count):
            event = events_pb2.Event(type=subjects.ERROR, job_id=uuid7())
            event.error_notification.error.message = "x" * size_bytes
            await self.bus.publish_durable(
                subjects.event(owner, subjects.ERROR, event.job_id), event.SerializeToString(), message_id=event.job_id
            )


@asynccontextmanager
async def running_events(nats: NatsServer, folder: Path, **settings: Any) -> AsyncIterator[RunningEventsService]:
    """The service and a bus beside it, while the context is open."""
    signer = TestSigner()
    chosen = EventsSettings(nats_url=nats.url, state_dir=str(folder), shutdown_grace_s=0.2, **settings)
    async with Bus.open(nats.url, name="test") as bus, serve(chosen, signer.jwks) as running:
        await bus.connection_after(0)
        await Streams().ensure(bus)
        # A small window: who does not read stops the sender soon.
        options = [("grpc.http2.lookahead_bytes", 65_536), ("grpc.http2.bdp_probe", 0)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}", options=options) as channel:
            yield RunningEventsService(
                signer,
                bus,
                events_pb2_grpc.EventServiceStub(channel),
                events_pb2_grpc.EventStreamServiceStub(channel),
                f"ws://127.0.0.1:{running.websocket_port}/ws/v1/events",
            )
