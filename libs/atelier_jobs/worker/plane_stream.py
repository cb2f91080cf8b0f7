"""The worker's stream to the plane: progress and status in one direction, signals in the other. It may break."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

from atelier.jobs.v1 import worker_service_pb2
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.progress import Progress
from atelier_jobs.wire.claim_messages import job_claim_message
from atelier_jobs.wire.progress_messages import progress_message
from atelier_jobs.worker.plane_calls import PlaneCalls

Request = worker_service_pb2.ConnectRequest


class ConnectStub(Protocol):
    """The stream of WorkerService; see worker_service_pb2_grpc.WorkerServiceStub."""

    Connect: Any


class PlaneStream:
    """WorkSignals and ProgressSink of a worker, over one stream that is reopened whenever it breaks.

    Messages that cannot be sent yet are coalesced: the latest progress of each job, the latest condition of the worker.
    """

    def __init__(self, stub: ConnectStub, *, kind: str, worker_id: str) -> None:
        self._stub = stub
        self._calls = PlaneCalls(kind)
        self._kind = kind
        self._worker_id = worker_id
        self._changed = asyncio.Event()
        self._connected = False
        self._condition: worker_service_pb2.WorkerCondition | None = None
        self._condition_sent = False
        self._progress: dict[tuple[str, int], worker_service_pb2.JobProgress] = {}

    @property
    def connected(self) -> bool:
        """True while the stream is open, from the plane's first message on."""
        return self._connected

    @asynccontextmanager
    async def listen(self, *, on_work: Callable[[], None], on_change: Callable[[str], None]) -> AsyncIterator[None]:
        """See WorkSignals.listen. Each new connection counts as a signal: one may have been missed."""
        task = asyncio.create_task(self._run(on_work, on_change), name="plane-stream")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def publish(
        self, job: Job, progress: Progress, *, eta_s: float | None, preview: bytes, preview_content_type: str
    ) -> None:
        """See ProgressSink.publish."""
        if not self._connected:
            return
        key = (job.id, job.epoch)
        message = worker_service_pb2.JobProgress(
            claim=job_claim_message(job),
            progress=progress_message(progress),
            preview=preview,
            preview_content_type=preview_content_type if preview else "",
        )
        if eta_s is not None:
            message.progress.eta_s = eta_s
        waiting = self._progress.get(key)
        if waiting is not None and not preview:
            message.preview, message.preview_content_type = waiting.preview, waiting.preview_content_type
        self._progress[key] = message
        self._changed.set()

    def report(self, condition: worker_service_pb2.WorkerCondition) -> None:
        """Sends the worker's condition, now and with each new connection. To be called in the event loop."""
        self._condition, self._condition_sent = condition, False
        self._changed.set()

    async def _run(self, on_work: Callable[[], None], on_change: Callable[[str], None]) -> None:
        responses = self._calls.stream(
            self._stub.Connect, self._requests, broken="not connected to the plane", on_close=self._disconnected
        )
        async for response in responses:
            if response.HasField("ready"):
                self._connected = True
                self._changed.set()
                on_work()
            elif response.HasField("work_available"):
                on_work()
            elif response.HasField("job_changed"):
                on_change(response.job_changed.job_id)

    def _disconnected(self) -> None:
        self._connected = False
        self._progress.clear()

    async def _requests(self) -> AsyncIterator[Request]:
        yield Request(hello=worker_service_pb2.WorkerHello(worker_id=self._worker_id, kind=self._kind))
        self._condition_sent = False
        while True:
            if self._condition is not None and not self._condition_sent:
                self._condition_sent = True
                yield Request(condition=self._condition)
            progress, self._progress = self._progress, {}
            for message in progress.values():
                yield Request(progress=message)
            if not self._progress and (self._condition is None or self._condition_sent):
                self._changed.clear()
                await self._changed.wait()
