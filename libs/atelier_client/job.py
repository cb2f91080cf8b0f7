"""The caller's job, of any kind: a snapshot of its record, and the operations on it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any, Generic, Self

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message

from atelier.auth.v1 import auth_pb2
from atelier.auth.v1.auth_pb2 import CreateSignedUrlsRequest, CreateSignedUrlsResponse
from atelier.events.v1.events_pb2 import Event
from atelier.image.v1.image_pb2 import ImageOutput
from atelier.jobs.v1 import job_pb2
from atelier.video.v1.video_pb2 import VideoOutput
from atelier.workflow.v1.execution_pb2 import ExecutionOutput
from atelier_client.connection import Connection
from atelier_client.errors import AtelierApiError, IncompleteError, JobFailedError
from atelier_client.job_kind import JobKind, M
from atelier_client.rpc import Rpc, rpc
from atelier_client.states import TERMINAL_STATES

_SIGN = rpc(auth_pb2.DESCRIPTOR, "AuthService.CreateSignedUrls", CreateSignedUrlsRequest, CreateSignedUrlsResponse)


class JobRecord(Generic[M]):
    """The record of a job when it was fetched. `message` is the whole record, as the contract defines it."""

    def __init__(self, message: M) -> None:
        self.message = message

    @property
    def id(self) -> str:
        """UUIDv7."""
        return self.message.id

    @property
    def state(self) -> str:
        """`QUEUED`, `RUNNING`, `CANCELING`, `SUCCEEDED`, `FAILED` or `CANCELED`."""
        return job_pb2.State.Name(self.message.state)

    @property
    def finished(self) -> bool:
        """Whether the state is terminal."""
        return self.message.state in TERMINAL_STATES

    @property
    def trace_id(self) -> str:
        """Trace id of the request that submitted it, 32 hex digits."""
        return self.message.trace_id

    @property
    def cached(self) -> bool:
        """True when its outputs came from the content cache."""
        return bool(getattr(self.message, "cached", False))  # executions are not reused

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.state}>"

    def raise_for_state(self) -> None:
        """Raises JobFailedError when it failed or was cancelled."""
        if self.message.state in (job_pb2.FAILED, job_pb2.CANCELED):
            raise JobFailedError(self.message, canceled=self.message.state == job_pb2.CANCELED)


class AsyncJob(JobRecord[M]):
    """A job of an `AsyncClient`. The object is immutable: methods that change the job return a new object."""

    kind: JobKind[M]

    def __init__(self, message: M, connection: Connection) -> None:
        super().__init__(message)
        self._connection = connection

    async def refresh(self) -> Self:
        """Fetches the current record."""
        return await self._ask(self.kind.get)

    def watch(self, *, after_seq: int | None = None) -> AsyncIterator[Event]:
        """Yields its events until it ends; see `AsyncClient.watch`."""
        return self._connection.watch(self.kind, self.id, after_seq)

    async def wait(self, timeout_s: float | None = None) -> Self:
        """Waits until the job has ended.

        Args:
            timeout_s: The longest wait in seconds; None: no limit.

        Returns:
            The job after the wait; not finished when the time ran out.

        Raises:
            JobFailedError: It failed or was cancelled.
        """
        job = self
        try:
            async with asyncio.timeout(timeout_s):
                while not job.finished:
                    async for _ in job.watch():
                        pass
                    job = await job.refresh()
        except TimeoutError:
            job = await job.refresh()
        job.raise_for_state()
        return job

    async def cancel(self) -> Self:
        """Requests cancellation; the job stops within one denoising step. A finished job is not changed."""
        return await self._ask(self.kind.cancel)

    async def delete(self) -> None:
        """Deletes the job with its files; cancels it first when it is not finished."""
        await self._connection.call(self.kind.delete, self.kind.delete.request_type(id=self.id))

    async def _ask(self, rpc: Rpc[Any, M]) -> Self:
        return type(self)(await self._connection.call(rpc, rpc.request_type(id=self.id)), self._connection)

    def _require_outputs(self) -> None:
        """Raises JobFailedError when there will be none, AtelierApiError FAILED_PRECONDITION before the end."""
        self.raise_for_state()
        if not self.finished:
            text = f"the {self.kind.noun} is {self.state}: wait for its end"
            raise AtelierApiError("FAILED_PRECONDITION", "NOT_FINISHED", text)

    async def _signed(self, url: str, expires_in_s: int) -> str:
        """Signs `url` of the record and prefixes the gateway's address where that is known."""
        request = CreateSignedUrlsRequest(urls=[url], expires_in_s=expires_in_s)
        response = await self._connection.call(_SIGN, request)
        return self._connection.base_url + response.urls[0]

    async def _bytes(
        self, rpc: Rpc[Any, HttpBody], request: Message, output: ImageOutput | VideoOutput | ExecutionOutput
    ) -> bytes:
        """Returns the bytes of `output`. Raises IncompleteError when size or SHA-256 are not those of the record."""
        data = await self._connection.content(rpc, request, size_bytes=output.size_bytes)
        if output.sha256 and hashlib.sha256(data).hexdigest() != output.sha256:
            raise IncompleteError(f"the bytes are not those of the {self.kind.noun}: was it made anew meanwhile?")
        return data
