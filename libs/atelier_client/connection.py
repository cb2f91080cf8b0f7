"""A connection: a transport with retries, which repeats calls where that is safe and resumes broken streams."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

from atelier.events.v1.events_pb2 import Event, SubscribeRequest
from atelier_client.errors import AtelierApiError, CannotReachError, IncompleteError
from atelier_client.job_kind import JobKind
from atelier_client.retry import RetryPolicy
from atelier_client.rpc import Req, Res, Rpc
from atelier_client.states import TERMINAL_STATES
from atelier_client.transport import Transport
from atelier_client.whole_picture import is_whole

# Streams carry a heartbeat every 15 s: after three missed ones the server is unavailable.
IDLE_S = 45.0
CALL_TIMEOUT_S = 30.0


class Connection:
    """All calls of a client. Owns `transport`: `close` closes it."""

    def __init__(self, transport: Transport, policy: RetryPolicy) -> None:
        self._transport = transport
        self._policy = policy
        self.base_url = transport.base_url

    async def call(
        self,
        rpc: Rpc[Req, Res],
        request: Req,
        *,
        metadata: Mapping[str, str] | None = None,
        timeout_s: float = CALL_TIMEOUT_S,
        repeatable: bool | None = None,
    ) -> Res:
        """Makes a unary call, and repeats it as the policy allows.

        Args:
            rpc: The method.
            request: Its message.
            metadata: Headers or gRPC metadata of the call.
            timeout_s: The deadline of one attempt, in seconds.
            repeatable: Whether the call may be made twice; None: as `rpc` declares.

        Returns:
            The response.

        Raises:
            AtelierApiError: The error of the last attempt.
        """
        safe = rpc.repeatable if repeatable is None else repeatable
        async for attempt in self._attempts(safe):
            with attempt:
                return await self._transport.call(rpc, request, metadata=metadata or {}, timeout_s=timeout_s)
        raise AssertionError("tenacity ends with an answer or an error")

    async def content(self, rpc: Rpc[Req, HttpBody], request: Req, *, size_bytes: int) -> bytes:
        """Returns the body of a file of `size_bytes` bytes; IncompleteError when no attempt returned that many."""

        def missing(data: bytes) -> str:
            return "" if len(data) == size_bytes else f"{len(data)} of {size_bytes} bytes came"

        return await self._body(rpc, request, missing)

    async def picture(self, rpc: Rpc[Req, HttpBody], request: Req) -> bytes:
        """Returns the body of a picture of unknown size; IncompleteError when every attempt was truncated."""
        return await self._body(rpc, request, lambda data: "" if is_whole(data) else "the picture has no end")

    async def upload(
        self, rpc: Rpc[Req, Res], first: Req, chunks: AsyncIterator[bytes], *, timeout_s: float = 120.0
    ) -> Res:
        """Sends a file once; never repeated, since the first attempt may have stored the file."""
        return await self._transport.upload(rpc, first, chunks, timeout_s=timeout_s)

    async def watch(self, kind: JobKind[Any], job_id: str, after_seq: int | None = None) -> AsyncIterator[Event]:
        """Yields the events of one job until it ends, without heartbeats, and each durable event once.

        A stream that breaks is resumed after the last event received.

        Args:
            kind: The kind of the job.
            job_id: The job.
            after_seq: Begin with the durable events after this number; None: begin with a snapshot.

        Raises:
            CannotReachError: `attempts` streams in a row broke before an event.
        """
        failures = 0
        while True:
            before = after_seq
            try:
                request = kind.watch.request_type(id=job_id, after_seq=after_seq)
                async with aclosing(self._transport.stream(kind.watch, request, idle_s=IDLE_S)) as events:
                    async for event in events:
                        failures = 0
                        if event.HasField("heartbeat"):
                            continue
                        after_seq = max(after_seq or 0, event.seq)
                        yield event
                        if event.snapshot.terminal or event.generation_progress.terminal:
                            return
                if after_seq is not None and after_seq == before and await self._has_ended(kind, job_id, after_seq):
                    return
                text = f"the stream ended before the {kind.noun} did"
                broken: AtelierApiError = CannotReachError(text, delivered=True)
            except AtelierApiError as error:
                if not _broke(error):
                    raise
                broken = error
            failures += 1
            await self._pause(failures, broken)

    async def events(self, request: SubscribeRequest, *, heartbeats: bool = False) -> AsyncIterator[Event]:
        """Yields all events of the caller without end; a stream that breaks is resumed after the last `cursor`."""
        asked = SubscribeRequest()
        asked.CopyFrom(request)
        failures = 0
        while True:
            try:
                async with aclosing(self._transport.events(asked, idle_s=IDLE_S)) as events:
                    async for event in events:
                        failures = 0
                        if event.cursor:
                            asked.after = event.cursor
                        if heartbeats or not event.HasField("heartbeat"):
                            yield event
                broken: AtelierApiError = CannotReachError("the gateway ended the stream", delivered=True)
            except AtelierApiError as error:
                if not _broke(error):
                    raise
                broken = error
            failures += 1
            await self._pause(failures, broken)

    async def close(self) -> None:
        """Closes the transport."""
        await self._transport.close()

    async def _body(self, rpc: Rpc[Req, HttpBody], request: Req, missing: Callable[[bytes], str]) -> bytes:
        """Returns the body; repeated while `missing` returns a text, which is empty for a complete body."""
        async for attempt in self._attempts(True):
            with attempt:
                chunks = [part.data async for part in self._transport.stream(rpc, request, idle_s=CALL_TIMEOUT_S)]
                data = b"".join(chunks)
                if text := missing(data):
                    raise IncompleteError(text)
                return data
        raise AssertionError("tenacity ends with an answer or an error")

    def _attempts(self, repeatable: bool) -> AsyncRetrying:
        def allowed(error: BaseException) -> bool:
            return isinstance(error, IncompleteError) or self._policy.allows(error, repeatable=repeatable)

        return AsyncRetrying(
            retry=retry_if_exception(allowed),
            stop=stop_after_attempt(self._policy.attempts),
            wait=self._policy.wait(),
            reraise=True,
        )

    async def _pause(self, failures: int, error: AtelierApiError) -> None:
        """Waits before the stream is reopened; raises `error` when it has failed too often in a row."""
        if failures >= self._policy.attempts:
            raise error
        wait_s = self._policy.first_wait_s * 2 ** (failures - 1)
        await asyncio.sleep(min(max(wait_s, error.retry_after_s or 0.0), self._policy.longest_wait_s))

    async def _has_ended(self, kind: JobKind[Any], job_id: str, seq: int) -> bool:
        """Whether the job ended with the last event that the caller received, so that no other will follow."""
        job = await self.call(kind.get, kind.get.request_type(id=job_id))
        return bool(job.seq <= seq and job.state in TERMINAL_STATES)


def _broke(error: AtelierApiError) -> bool:
    """Whether the connection caused the error. Errors of services have a reason; those of proxies have none."""
    if isinstance(error, CannotReachError) or error.code in ("UNAVAILABLE", "ABORTED"):
        return True  # ABORTED: this client read too slowly and must resume after the last event
    return not error.reason and error.code in ("INTERNAL", "UNKNOWN", "CANCELLED", "DEADLINE_EXCEEDED")
