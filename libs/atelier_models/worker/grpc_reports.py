"""Reports and commands over gRPC: adapters for a worker, which has no database and no broker."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from atelier.models.v1 import model_worker_service_pb2
from atelier.type.v1 import type_pb2
from atelier_diffusion.policy.request import SchedulerName
from atelier_jobs.worker.plane_calls import PlaneCalls
from atelier_models.domain.model_view import ModelReport

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
        self._calls = PlaneCalls(kind)

    async def store(self, worker_id: str, reports: Sequence[ModelReport] = ()) -> None:
        """See WorkerReports.store."""
        models = [_message(report) for report in reports]
        request = model_worker_service_pb2.ReportModelsRequest(worker_id=worker_id, models=models)
        await self._calls.call(self._stub.ReportModels, request)

    async def sign_off(self, worker_id: str) -> None:
        """See WorkerReports.sign_off."""
        await self._calls.call(self._stub.SignOff, model_worker_service_pb2.SignOffRequest(worker_id=worker_id))


async def model_commands(stub: ModelWorkerStub, kind: str, worker_id: str) -> AsyncIterator[Command]:
    """Yields the commands to this worker, over a stream that is reopened whenever it breaks.

    A command that is sent while the stream is closed is lost, as for a worker that does not run.
    """
    request = model_worker_service_pb2.WatchModelCommandsRequest(worker_id=worker_id)
    commands = PlaneCalls(kind).stream(
        stub.WatchModelCommands, lambda: request, broken="commands for models are not received"
    )
    async for command in commands:
        if command.model_id:  # the first message, which has none, says that the stream is open
            yield command


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
        latents=type_pb2.LatentFormat(**asdict(report.facts.latents)) if report.facts.latents else None,
    )


def _scheduler(name: SchedulerName | None) -> type_pb2.Scheduler.ValueType:
    return type_pb2.SCHEDULER_UNSPECIFIED if name is None else type_pb2.Scheduler.Value(name)
