"""Reports and commands over gRPC: adapters for a worker, which has no database and no broker."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

import grpc.aio
import structlog

from atelier.models.v1 import model_worker_service_pb2
from atelier.type.v1 import type_pb2
from atelier_diffusion.policy.request import SchedulerName
from atelier_jobs.wire.claim_messages import KIND_HEADER
from atelier_models.domain.model_view import ModelReport
from atelier_service.errors import AtelierError, UnavailableError
from atelier_service.rpc_errors import from_rpc_error

_log = structlog.get_logger(__name__)

_DEADLINE_S = 10.0
_MAX_PAUSE_S = 2.0

Command = model_worker_service_pb2.ModelCommand


class ModelWorkerStub(Protocol):
    """The calls of ModelWorkerService; see model_worker_service_pb2_grpc.ModelWorkerServiceStub."""

    ReportModels: Any
    SignOff: Any
    WatchModelCommands: Any


class GrpcWorkerReports:
    """A WorkerReports over ModelWorkerService."""

    def __init__(self, stub: ModelWorkerStub, kind: str) -> None:
        self._stub = stub
        self._metadata = ((KIND_HEADER, kind),)

    async def store(self, worker_id: str, reports: Sequence[ModelReport] = ()) -> None:
        """See WorkerReports.store."""
        models = [_message(report) for report in reports]
        request = model_worker_service_pb2.ReportModelsRequest(worker_id=worker_id, models=models)
        await self._call(self._stub.ReportModels, request)

    async def sign_off(self, worker_id: str) -> None:
        """See WorkerReports.sign_off."""
        await self._call(self._stub.SignOff, model_worker_service_pb2.SignOffRequest(worker_id=worker_id))

    async def _call(self, rpc: Any, request: object) -> None:
        try:
            await rpc(request, metadata=self._metadata, timeout=_DEADLINE_S)
        except grpc.aio.AioRpcError as rpc_error:
            raise _unavailable(from_rpc_error(rpc_error)) from rpc_error


async def model_commands(stub: ModelWorkerStub, kind: str, worker_id: str) -> AsyncIterator[Command]:
    """Yields the commands to this worker, over a stream that is reopened whenever it breaks.

    A command that is sent while the stream is closed is lost, as for a worker that does not run.
    """
    request = model_worker_service_pb2.WatchModelCommandsRequest(worker_id=worker_id)
    failures = 0
    while True:
        call = stub.WatchModelCommands(request, metadata=((KIND_HEADER, kind),), wait_for_ready=True)
        try:
            async for command in call:
                failures = 0
                if command.model_id:
                    yield command
        except grpc.aio.AioRpcError as rpc_error:
            error = from_rpc_error(rpc_error)
            if error.reason == "TOKEN_EXPIRED" and not failures:
                continue
            _log.info("commands for models are not received", reason=error.reason, error=error.message)
        finally:
            call.cancel()
        failures += 1
        await asyncio.sleep(min(_MAX_PAUSE_S, 0.05 * 2**failures) * random.uniform(0.5, 1.0))  # noqa: S311


def _message(report: ModelReport) -> model_worker_service_pb2.ModelReport:
    return model_worker_service_pb2.ModelReport(
        model_id=report.model_id,
        state=type_pb2.ModelState.ValueType(report.state),
        revision=report.engine.model_revision,
        fingerprint=report.engine.fingerprint,
        memory_bytes=report.memory_bytes,
        reason=report.reason,
        message=report.message,
        event_id=report.event_id,
        own_scheduler=_scheduler(report.facts.own_scheduler),
        schedulers=map(_scheduler, report.facts.schedulers),
        prompt_max_tokens=report.facts.prompt_max_tokens,
    )


def _scheduler(name: SchedulerName | None) -> type_pb2.Scheduler.ValueType:
    return type_pb2.SCHEDULER_UNSPECIFIED if name is None else type_pb2.Scheduler.Value(name)


def _unavailable(error: AtelierError) -> AtelierError:
    """Converts any refusal, so that the report is sent again later."""
    if isinstance(error, UnavailableError):
        return error
    _log.error("the plane refuses a report", reason=error.reason, error=error.message)
    return UnavailableError(error.reason, error.message)
