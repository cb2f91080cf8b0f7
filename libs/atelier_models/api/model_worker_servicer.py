"""`atelier.models.v1.ModelWorkerService`: the servicer that stores reports of workers and streams commands to them."""

from collections.abc import AsyncIterator
from typing import Any, cast

import grpc.aio
import structlog
from google.protobuf.message import DecodeError

from atelier.models.v1 import model_worker_service_pb2, model_worker_service_pb2_grpc
from atelier.type.v1 import type_pb2
from atelier_diffusion.policy.latent_format import LatentFormat
from atelier_diffusion.policy.model_card import FileFacts
from atelier_diffusion.policy.request import SchedulerName
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus
from atelier_models.adapters.model_events import ModelEvents
from atelier_models.domain.model_view import EngineVersion, ModelReport, ModelState
from atelier_models.domain.models import WorkerReports
from atelier_service.errors import PermissionDeniedError
from atelier_service.identity import current_principal
from atelier_service.tasks import uninterrupted

Context = grpc.aio.ServicerContext[Any, Any]

_log = structlog.get_logger(__name__)


class ModelWorkerServicer(model_worker_service_pb2_grpc.ModelWorkerServiceServicer):
    """Serves the workers of one kind of jobs."""

    def __init__(self, kind: str, worker_service: str, reports: WorkerReports, events: ModelEvents, bus: Bus) -> None:
        """Creates the servicer.

        Args:
            kind: Kind of the jobs, whose commands are streamed.
            worker_service: Name of the service whose workers are served; others are refused.
            reports: Stores the reports.
            events: Publishes changes of models' states.
            bus: Where commands are published.
        """
        self._kind = kind
        self._worker_service = worker_service
        self._reports = reports
        self._events = events
        self._bus = bus

    async def ReportModels(
        self, request: model_worker_service_pb2.ReportModelsRequest, context: Context
    ) -> model_worker_service_pb2.ReportModelsResponse:
        """Stores reports, and publishes those that are events."""
        self._check()
        reports = [_report_from(request.worker_id, message) for message in request.models]
        await uninterrupted(self._reports.store(request.worker_id, reports))
        for report in reports:
            if report.event_id:
                self._events.add(report)
        return model_worker_service_pb2.ReportModelsResponse()

    async def SignOff(
        self, request: model_worker_service_pb2.SignOffRequest, context: Context
    ) -> model_worker_service_pb2.SignOffResponse:
        """Stores that a worker has ended."""
        self._check()
        await uninterrupted(self._reports.sign_off(request.worker_id))
        return model_worker_service_pb2.SignOffResponse()

    async def WatchModelCommands(
        self, request: model_worker_service_pb2.WatchModelCommandsRequest, context: Context
    ) -> AsyncIterator[model_worker_service_pb2.ModelCommand]:
        """Streams commands, after an empty one which says that the stream is subscribed."""
        self._check()
        async with self._bus.subscribe(subjects.model_commands(self._kind)) as messages:
            yield model_worker_service_pb2.ModelCommand()
            async for message in messages:
                try:
                    command = model_worker_service_pb2.ModelCommand.FromString(message.data)
                except DecodeError:
                    _log.warning("a message on the bus is no command", subject=message.subject)
                    continue
                command.traceparent = message.headers.get("traceparent", "")
                yield command

    def _check(self) -> None:
        if current_principal().subject != f"service:{self._worker_service}":
            raise PermissionDeniedError("NOT_THIS_WORKER", f"these models are those of {self._worker_service}")


def _report_from(worker_id: str, message: model_worker_service_pb2.ModelReport) -> ModelReport:
    return ModelReport(
        worker_id=worker_id,
        model_id=message.model_id,
        state=ModelState(message.state),
        engine=EngineVersion(message.revision, message.fingerprint),
        memory_bytes=message.memory_bytes,
        reason=message.reason,
        message=message.message,
        event_id=message.event_id,
        facts=FileFacts(
            _scheduler(message.own_scheduler) if message.own_scheduler else None,
            tuple(map(_scheduler, message.schedulers)),
            message.prompt_max_tokens,
            _latents(message.latents) if message.HasField("latents") else None,
        ),
    )


def _latents(message: type_pb2.LatentFormat) -> LatentFormat:
    return LatentFormat(message.family, message.channels, message.cell_px, message.scale)


def _scheduler(value: type_pb2.Scheduler.ValueType) -> SchedulerName:
    return cast(SchedulerName, type_pb2.Scheduler.Name(value))  # the engine has the names of the contract
