"""Child jobs: a job that a node requests is submitted once, watched until it ends, and cancelled with the execution."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
import grpc.aio
import structlog
from prometheus_client import Counter

from atelier.events.v1 import events_pb2
from atelier.jobs.v1 import job_pb2
from atelier_jobs.worker.attempt import Attempt
from atelier_nodes.mesh import MeshError, MeshProgress
from atelier_service.errors import AtelierError
from atelier_service.rpc_errors import from_rpc_error
from atelier_service.tasks import uninterrupted

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_ENDED = (job_pb2.SUCCEEDED, job_pb2.FAILED, job_pb2.CANCELED)
_CALL_S = 15.0
_CANCEL_S = 5.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
# Errors after which a retry may succeed: the service is unavailable, a queue or quota is full, the job token expired.
_PASSING = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED", "UNAUTHENTICATED", "ABORTED"})
_NEVER = frozenset({"MESSAGE_TOO_LARGE"})

_JOBS = Counter("atelier_workflow_jobs_total", "Jobs that nodes asked for, by how they ended.", ["kind", "state"])

OnProgress = Callable[[MeshProgress], None]


@dataclass(frozen=True, slots=True)
class JobCalls:
    """The RPCs of one kind of job.

    Attributes:
        kind: Name of the kind.
        submit: Submits a job, given its request.
        get: Returns the record of a job, given its id.
        watch: Streams the events of a job, given its id.
        cancel: Cancels a job, given its id.
    """

    kind: str
    submit: Callable[..., Awaitable[Any]]
    get: Callable[..., Awaitable[Any]]
    watch: Callable[..., Any]
    cancel: Callable[..., Awaitable[Any]]


class ChildJobs:
    """The jobs of one attempt of an execution, made with its job token.

    Attributes:
        outage: True when a call was given up because a service was unavailable for too long.
    """

    def __init__(self, attempt: Attempt, *, patience_s: float) -> None:
        """
        Args:
            attempt: The attempt, whose token is read for each call: a renewal of the lease brings another one.
            patience_s: Seconds for which each call is retried.
        """
        self._attempt = attempt
        self._patience_s = patience_s
        self._open: dict[str, JobCalls] = {}
        self._submitting: set[asyncio.Task[Any]] = set()
        self.outage = False

    async def run(self, calls: JobCalls, request: Any, on_progress: OnProgress) -> Any:
        """Submits a job and waits for its end. A repeat with the same idempotency key returns the first job.

        If the call is cancelled, the job goes on: `cancel_open` cancels it.

        Args:
            calls: The RPCs of its kind.
            request: The submit, with idempotency key and parent.
            on_progress: Receives its progress.

        Returns:
            Its record, SUCCEEDED.

        Raises:
            MeshError: It was refused, failed or was cancelled, or a service was unavailable for too long.
        """
        record = await self._patiently(lambda metadata: self._submit(calls, request, metadata))
        job_id = record.id
        while record.state not in _ENDED:
            await self._patiently(lambda metadata: self._watch(calls, job_id, metadata, on_progress))
            record = await self._patiently(lambda metadata: calls.get(job_id, timeout=_CALL_S, metadata=metadata))
            if record.state not in _ENDED:  # the stream ended first, perhaps at once
                await asyncio.sleep(_FIRST_PAUSE_S)
        self._open.pop(job_id, None)
        _JOBS.labels(calls.kind, job_pb2.State.Name(record.state)).inc()
        if record.state == job_pb2.FAILED:
            raise MeshError(record.error.reason, f"the {calls.kind} {record.id} failed: {record.error.message}")
        if record.state == job_pb2.CANCELED:
            raise MeshError("CANCELED", f"the {calls.kind} {record.id} was cancelled")
        return record

    async def cancel_open(self) -> None:
        """Cancels the jobs that have not ended, because the execution will not run again."""
        if self._submitting:
            await asyncio.wait(self._submitting)
        opened, self._open = self._open, {}
        await asyncio.gather(*(self._cancel(calls, job_id) for job_id, calls in opened.items()))

    async def _submit(self, calls: JobCalls, request: Any, metadata: Any) -> Any:
        """Submits a job. A cancellation waits for the response, so that every recorded job is known here."""

        async def submit() -> Any:
            record = await calls.submit(request, timeout=_CALL_S, metadata=metadata)
            self._open[record.id] = calls
            return record

        submitting = asyncio.create_task(submit())
        self._submitting.add(submitting)
        submitting.add_done_callback(self._submitting.discard)
        return await uninterrupted(submitting)

    async def _cancel(self, calls: JobCalls, job_id: str) -> None:
        try:
            await calls.cancel(job_id, timeout=_CANCEL_S, metadata=self._metadata())
        except grpc.aio.AioRpcError as error:
            _log.warning("a job of an execution is not cancelled", job_id=job_id, code=error.code().name)

    async def _watch(self, calls: JobCalls, job_id: str, metadata: Any, on_progress: OnProgress) -> None:
        """Reads events until the job or the stream ends, as it does when the credential expires."""
        stream = calls.watch(job_id, metadata=metadata)
        try:
            async for event in stream:
                if event.HasField("heartbeat"):
                    continue
                update = event.snapshot if event.HasField("snapshot") else event.generation_progress
                _pass_on(update, on_progress)
                if update.terminal:
                    return
        except grpc.aio.AioRpcError as error:
            if error.code() not in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.CANCELLED):
                raise
        finally:
            stream.cancel()

    async def _patiently(self, call: Callable[[Any], Awaitable[T]]) -> T:
        """Makes a call, and repeats it after errors that may pass. Raises MeshError."""
        until = time.monotonic() + self._patience_s
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await call(self._metadata())
            except grpc.aio.AioRpcError as rpc_error:
                error = from_rpc_error(rpc_error)
            if error.code not in _PASSING or error.reason in _NEVER:
                raise _mesh_error(error)
            if time.monotonic() + pause_s > until:
                self.outage = True
                raise _mesh_error(error)
            await asyncio.sleep(min(_LONGEST_PAUSE_S, max(pause_s, error.retry_after_s or 0.0)))
            pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self._attempt.token}"),)


def _pass_on(update: events_pb2.GenerationProgress, on_progress: OnProgress) -> None:
    progress = update.progress
    if progress.total:
        on_progress(MeshProgress(progress.done, progress.total, bytes(update.preview)))


def _mesh_error(error: AtelierError) -> MeshError:
    named = "; ".join(f"{fault.field}: {fault.description}" for fault in error.fields[:5])
    return MeshError(error.reason, named or error.message)
