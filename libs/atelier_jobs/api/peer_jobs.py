"""Jobs of another kind: a JobSource over gRPC, in the process that stores them."""

from collections.abc import AsyncGenerator
from typing import Any

import grpc.aio
from google.api import httpbody_pb2

from atelier.events.v1 import events_pb2
from atelier.jobs.v1 import job_service_pb2, job_service_pb2_grpc
from atelier_jobs.api.job_directory import Context, JobsPage, page_token
from atelier_jobs.domain.states import State
from atelier_service.federation import FORWARDED
from atelier_service.http import last_event_id, request_header, set_http
from atelier_service.interceptors.encoded import encoded
from atelier_service.rpc_errors import answered

_DEADLINE_S = 3.0
_STREAM_HEADERS = ("accept", "last-event-id")
_EVENTS = "/atelier.events.v1.JobEventService/WatchJob"
_BODIES = "/atelier.events.v1.JobEventStreamService/WatchJob"


class PeerJobs:
    """A JobSource in another process. Errors of the peer are raised unchanged."""

    def __init__(self, kind: str, channel: grpc.aio.Channel) -> None:
        """
        Args:
            kind: Kind of the jobs.
            channel: Calls on it carry the token of the caller being served.
        """
        self._kind = kind
        self._channel = channel
        self._stub = job_service_pb2_grpc.JobServiceStub(channel)

    async def page(self, request: job_service_pb2.ListJobsRequest, *, before: str, limit: int) -> JobsPage:
        """See JobSource.page."""
        own = job_service_pb2.ListJobsRequest(
            kinds=[self._kind], states=request.states, parent_id=request.parent_id, page_size=limit
        )
        if before:
            own.page_token = page_token(own, before)
        response = await answered(self._stub.ListJobs(own, timeout=_DEADLINE_S, metadata=FORWARDED))
        return JobsPage(response.jobs, more=bool(response.next_page_token))

    async def get(self, job_id: str) -> job_service_pb2.Job:
        """See JobSource.get."""
        request = job_service_pb2.GetJobRequest(id=job_id)
        return await answered(self._stub.GetJob(request, timeout=_DEADLINE_S, metadata=FORWARDED))

    async def cancel(self, job_id: str) -> job_service_pb2.Job:
        """See JobSource.cancel."""
        request = job_service_pb2.CancelJobRequest(id=job_id)
        return await answered(self._stub.CancelJob(request, timeout=_DEADLINE_S, metadata=FORWARDED))

    async def delete(self, job_id: str) -> None:
        """See JobSource.delete."""
        request = job_service_pb2.DeleteJobRequest(id=job_id)
        await answered(self._stub.DeleteJob(request, timeout=_DEADLINE_S, metadata=FORWARDED))

    async def events(
        self, request: events_pb2.WatchJobRequest, context: Context
    ) -> AsyncGenerator[events_pb2.Event, None]:
        """See JobSource.events. Events are passed on without decoding them."""
        call = self._stream(_EVENTS, request, FORWARDED)
        try:
            await call.initial_metadata()
            await context.send_initial_metadata(())
            while isinstance(data := await call.read(), bytes):
                yield encoded(events_pb2.Event, data)
        finally:
            call.cancel()

    async def bodies(
        self, request: events_pb2.WatchJobRequest, context: Context
    ) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
        """See JobSource.bodies. HTTP headers are passed on, too."""
        last = last_event_id(context)
        if last is not None:
            # Headers of a stream that ends at once may be lost on their way: 204 is decided here.
            job = await self.get(request.id)
            if int(last) >= job.seq and State(job.state).terminal:
                await set_http(context, 204)
                return
        headers_sent = [
            (name, value) for name in _STREAM_HEADERS if (value := request_header(context, name)) is not None
        ]
        call = self._stream(_BODIES, request, (*FORWARDED, *headers_sent))
        try:
            headers = _http_headers(await call.initial_metadata())
            # A call that fails has none: its error is raised before anything is sent, to set its HTTP status.
            data = None if headers else await call.read()
            await context.send_initial_metadata(headers)
            data = data or await call.read()
            while isinstance(data, bytes):
                yield encoded(httpbody_pb2.HttpBody, data)
                data = await call.read()
        finally:
            call.cancel()

    def _stream(self, method: str, request: events_pb2.WatchJobRequest, metadata: Any) -> Any:
        serializer = events_pb2.WatchJobRequest.SerializeToString
        return self._channel.unary_stream(method, serializer, _as_is)(request, metadata=metadata)


def _as_is(data: bytes) -> bytes:
    return data


def _http_headers(metadata: Any) -> tuple[tuple[str, str], ...]:
    """Returns the headers that `open_frames` sent; none when it was not called."""
    pairs = {str(key): str(value) for key, value in metadata or ()}
    return tuple((name, pairs[name]) for name in ("cache-control", "x-accel-buffering") if name in pairs)
