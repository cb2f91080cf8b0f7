"""The caller's jobs: those of one kind, and those of all kinds."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from atelier.events.v1.events_pb2 import Event
from atelier_client.connection import CALL_TIMEOUT_S, Connection
from atelier_client.job import AsyncJob
from atelier_client.paging import page_size, pages
from atelier_client.rpc import Rpc
from atelier_client.states import state_named

J = TypeVar("J", bound=AsyncJob[Any])

# The longest wait, in seconds, that the gateway grants to `Prefer: wait`.
_LONGEST_PREFER_S = 60


class JobsById(Generic[J]):
    """Operations on jobs of class `job` by id."""

    def __init__(self, connection: Connection, job: type[J]) -> None:
        self._connection = connection
        self._job = job

    async def get(self, job_id: str) -> J:
        """Returns one job. Raises AtelierApiError NOT_FOUND."""
        return await self._bare(job_id).refresh()

    async def cancel(self, job_id: str) -> J:
        """Cancels a job; it stops within one denoising step. A finished job is returned unchanged."""
        return await self._bare(job_id).cancel()

    async def delete(self, job_id: str) -> None:
        """Deletes a job with its files; cancels it first when it is not finished."""
        await self._bare(job_id).delete()

    def watch(self, job_id: str, *, after_seq: int | None = None) -> AsyncIterator[Event]:
        """Yields the events of a job until it ends; see `AsyncClient.watch`."""
        return self._bare(job_id).watch(after_seq=after_seq)

    def _bare(self, job_id: str) -> J:
        return self._of(self._job.kind.get.response_type(id=job_id))

    def _of(self, message: Any) -> J:
        return self._job(message, self._connection)


class AsyncJobs(JobsById[J]):
    """Lists, finds and submits jobs of the kind of class `job`."""

    def __init__(self, connection: Connection, job: type[J], submit: Rpc[Any, Any]) -> None:
        super().__init__(connection, job)
        self._submit = submit

    async def submit(self, request: Message, *, wait: bool | float, idempotency_key: str | None = None) -> J:
        """Submits `request`, the message of this kind. Other arguments and errors as for `AsyncClient.generate`."""
        timeout_s = None if wait is True else float(wait)
        loop = asyncio.get_running_loop()
        end = None if timeout_s is None else loop.time() + timeout_s
        prefer_s = _LONGEST_PREFER_S if timeout_s is None else min(int(timeout_s), _LONGEST_PREFER_S)
        metadata = {"idempotency-key": idempotency_key or str(uuid.uuid4())}
        if prefer_s > 0:
            metadata["prefer"] = f"wait={prefer_s}"
        job = self._of(
            await self._connection.call(self._submit, request, metadata=metadata, timeout_s=CALL_TIMEOUT_S + prefer_s)
        )
        if wait is False:
            return job
        if not job.finished:
            return await job.wait(None if end is None else max(0.0, end - loop.time()))
        job.raise_for_state()
        return job

    async def list(self, *, state: str | None = None, limit: int | None = None) -> AsyncIterator[J]:
        """Yields jobs, newest first; pages are fetched as needed.

        Args:
            state: Only jobs in this state, such as `SUCCEEDED`; None for all.
            limit: The largest number of jobs; None for all.

        Raises:
            ValueError: There is no such state.
        """
        kind = self._job.kind
        wanted = kind.list.request_type(page_size=page_size(limit))
        if state is not None:
            wanted.state = state_named(state)

        async def fetch(token: str) -> Any:
            wanted.page_token = token
            return await self._connection.call(kind.list, wanted)

        async for message in pages(fetch, kind.listed, limit):
            yield self._of(message)
