"""Reporting of one worker: its heartbeat, the states of its models, and commands about them."""

from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from atelier.models.v1 import model_worker_service_pb2_grpc
from atelier_diffusion.engine.hardware import process_memory_bytes
from atelier_diffusion.engine.model_store import ModelStatus
from atelier_diffusion.remote.remote_engine import RemoteEngine
from atelier_jobs.worker.plane_connection import PlaneConnection
from atelier_models.worker.command_listener import ModelCommandListener
from atelier_models.worker.grpc_reports import GrpcWorkerReports, model_commands
from atelier_models.worker.heartbeat import Heartbeat, WorkerIdentity, WorkerLoad
from atelier_models.worker.status_publisher import ModelStatusPublisher
from atelier_service.errors import UnavailableError

_log = structlog.get_logger(__name__)


class WorkerReporting:
    """Reports to the plane, and receives commands from it; the plane may be unavailable meanwhile."""

    def __init__(self, plane: PlaneConnection, worker_id: str, kind: str, *, every_s: float) -> None:
        """Creates the reporting; `every_s`: seconds between two heartbeats."""
        self._stub: Any = model_worker_service_pb2_grpc.ModelWorkerServiceStub(plane.channel)
        self._reports = GrpcWorkerReports(self._stub, kind)
        self._worker_id = worker_id
        self._kind = kind
        self._heartbeat = Heartbeat(plane.stream.report, self._reports, every_s=every_s)
        self._publisher = ModelStatusPublisher(self._reports, worker_id, changed=self._heartbeat.changed)

    @property
    def ready_ids(self) -> tuple[str, ...]:
        """Ids of the models in memory."""
        return self._publisher.ready_ids

    def changed(self) -> None:
        """Sends a heartbeat soon, because the running jobs have changed. To be called in the event loop."""
        self._heartbeat.changed()

    def publish(self, status: ModelStatus) -> None:
        """Reports a change of a model's state; to be given to the engine as its listener."""
        self._publisher.publish(status)

    def tasks(
        self,
        engine: RemoteEngine,
        fingerprint_of: Callable[[str], str],
        oldest_job: Callable[[], tuple[str, int] | None],
    ) -> tuple[Coroutine[Any, Any, None], ...]:
        """Returns the background tasks; each runs until it is cancelled.

        Args:
            engine: The engine whose models are reported and commanded.
            fingerprint_of: Returns the fingerprint of the engine for a model's id; see `EngineVersion`.
            oldest_job: Returns the id and the epoch of the running job that started first; None when none runs.
        """
        self._publisher.begin(engine.statuses, fingerprint_of)

        def load() -> WorkerLoad:
            return WorkerLoad(
                oldest_job(),
                process_memory_bytes() + engine.resident_bytes,
                self._publisher.ready_ids,
                self._publisher.held_bytes,
                None if engine.device_kind == "cpu" else engine.memory,
            )

        identity = WorkerIdentity(self._worker_id, engine.device_kind, engine.device_name)
        return (
            self._publisher.run(),
            self._heartbeat.run(identity, load),
            ModelCommandListener(engine, model_commands(self._stub, self._kind, self._worker_id)).run(),
        )

    async def sign_off(self) -> None:
        """Reports that the worker ends. When the plane is unavailable, its missing heartbeats show it later."""
        try:
            await self._reports.sign_off(self._worker_id)
        except UnavailableError as error:
            _log.info("the end of this worker was not reported", reason=error.reason)
