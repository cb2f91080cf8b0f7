"""Event streams of one job: as gRPC messages, and as HTTP bodies for REST."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal, Protocol

import grpc.aio
from google.api import httpbody_pb2

from atelier.events.v1 import events_pb2
from atelier_jobs.api.parent_token import check_child
from atelier_jobs.domain.owner_jobs import OwnerJobs
from atelier_jobs.events.shared_event import Framing
from atelier_jobs.events.watch import Watching
from atelier_service.http import last_event_id, open_frames, request_header, set_http
from atelier_service.identity import current_principal
from atelier_service.interceptors.encoded import encoded
from atelier_service.stream_slots import StreamSlots

Context = grpc.aio.ServicerContext[Any, Any]


class _WatchRequest(Protocol):
    id: str
    after_seq: int

    def HasField(self, field_name: Literal["after_seq"], /) -> bool: ...


class EventStreams:
    """Event streams of the caller's jobs of one kind; for other jobs NotFoundError is raised."""

    def __init__(self, jobs: OwnerJobs, watching: Watching, slots: StreamSlots) -> None:
        self._jobs = jobs
        self._watching = watching
        self._slots = slots

    async def messages(self, request: _WatchRequest, context: Context) -> AsyncGenerator[events_pb2.Event, None]:
        """Streams the events of one job to its end.

        Raises:
            NotFoundError: The caller has no such job.
            ResourceExhaustedError: The caller has too many open streams.
        """
        owner = current_principal().subject
        with self._slots.take(owner):
            check_child(await self._jobs.get(owner, request.id))
            await context.send_initial_metadata(())  # opens the stream before the first event
            async with aclosing(self._watching.events(owner, request.id, _after_seq(request))) as events:
                async for event in events:
                    yield encoded(events_pb2.Event, event.encoded)

    async def bodies(self, request: _WatchRequest, context: Context) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
        """Streams the same for REST, as NDJSON or server-sent events; HTTP 204 when the caller has the last event."""
        owner = current_principal().subject
        framing, last = Framing.of(request_header(context, "accept")), last_event_id(context)
        with self._slots.take(owner):
            job = await self._jobs.get(owner, request.id)
            check_child(job)
            after_seq = _after_seq(request) if last is None else int(last)
            if last is not None and int(last) >= job.seq and job.state.terminal:
                await set_http(context, 204)  # after 200 an EventSource would reconnect forever
                return
            await open_frames(context)
            yield encoded(httpbody_pb2.HttpBody, framing.opening)
            async with aclosing(self._watching.events(owner, request.id, after_seq)) as events:
                async for event in events:
                    yield encoded(httpbody_pb2.HttpBody, event.framed(framing))


def _after_seq(request: _WatchRequest) -> int | None:
    return request.after_seq if request.HasField("after_seq") else None
