"""EventService and SystemService over gRPC."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from importlib.metadata import version
from typing import Any

import grpc.aio
import psutil
from google.api import httpbody_pb2

from atelier.events.v1 import events_pb2, events_pb2_grpc
from atelier_events.board import StatusBoard
from atelier_events.subscription import Subscriptions
from atelier_jobs.events.shared_event import Framing
from atelier_service.http import last_event_id, open_frames, request_header
from atelier_service.identity import current_principal
from atelier_service.interceptors.encoded import encoded


class EventServicer(events_pb2_grpc.EventServiceServicer):
    """The caller's events as a server stream."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions

    async def Subscribe(
        self, request: events_pb2.SubscribeRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[events_pb2.Event]:
        """See the contract."""
        owner = current_principal().subject
        events = self._subscriptions.follow(owner, request.after, request.types, request.job_id)
        async with aclosing(events):
            async for shared in events:
                yield encoded(events_pb2.Event, shared.encoded)


class EventStreamServicer(events_pb2_grpc.EventStreamServiceServicer):
    """The same as REST sends it."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions

    async def Subscribe(
        self, request: events_pb2.SubscribeRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """See the contract."""
        framing = Framing.of(request_header(context, "accept"))
        after = last_event_id(context) or request.after
        events = self._subscriptions.follow(current_principal().subject, after, request.types, request.job_id)
        async with aclosing(events):
            first = await anext(events)  # what is wrong is raised before anything is sent: so it has its HTTP status
            await open_frames(context)
            yield encoded(httpbody_pb2.HttpBody, framing.opening)
            yield encoded(httpbody_pb2.HttpBody, first.framed(framing))
            async for shared in events:
                yield encoded(httpbody_pb2.HttpBody, shared.framed(framing))


class SystemServicer(events_pb2_grpc.SystemServiceServicer):
    """How the mesh is doing."""

    def __init__(self, board: StatusBoard, state_dir: str) -> None:
        self._board = board
        self._state_dir = state_dir

    async def GetSystemStatus(
        self, request: events_pb2.GetSystemStatusRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> events_pb2.GetSystemStatusResponse:
        """See the contract. Only administrators see which jobs of others run."""
        caller = current_principal()
        memory = psutil.virtual_memory()
        disk = psutil.disk_usage(self._state_dir)
        return events_pb2.GetSystemStatusResponse(
            version=version("atelier-mesh"),
            workers=self._board.workers(caller.subject, every_job=caller.is_admin),
            queues=self._board.queues(),
            host_memory_used_bytes=memory.total - memory.available,
            host_memory_total_bytes=memory.total,
            disk_used_bytes=disk.used,
            disk_total_bytes=disk.total,
        )
