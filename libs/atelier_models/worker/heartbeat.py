"""The heartbeat of a worker: reports that it is alive, and its condition."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from prometheus_client import Gauge

from atelier.jobs.v1 import worker_service_pb2
from atelier_diffusion.engine.hardware import MemoryReading
from atelier_models.domain.models import WorkerReports
from atelier_service.errors import UnavailableError

_log = structlog.get_logger(__name__)

# Changes that follow one another faster are sent together.
_SPACING_S = 0.25

_MEMORY = Gauge("atelier_worker_memory_bytes", "Resident memory of this process and of the engine process.")
_DEVICE_MEMORY = Gauge("atelier_worker_device_memory_bytes", "Device memory in use, by all processes.", ["device"])
_DEVICE_TOTAL = Gauge("atelier_worker_device_memory_total_bytes", "Memory of the device.", ["device"])
_MODELS = Gauge("atelier_worker_models_bytes", "Memory of the weights of loaded models.")


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """Id and device of a worker. `device` is `cpu` or `cuda:0`, `device_name` the name of the product."""

    worker_id: str
    device: str
    device_name: str


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """Load of a worker.

    Attributes:
        job: Id and epoch of the running job that started first; None when none runs.
        memory_bytes: Resident memory of the worker and of its engine process.
        model_ids: Ids of the models in memory.
        models_bytes: Memory of their weights.
        device_memory: Memory of the device; None on a CPU, which uses the host's memory.
    """

    job: tuple[str, int] | None
    memory_bytes: int
    model_ids: tuple[str, ...]
    models_bytes: int
    device_memory: MemoryReading | None


Report = Callable[[worker_service_pb2.WorkerCondition], None]
"""Sends a condition to the plane, without waiting; see PlaneStream.report."""


class Heartbeat:
    """Sends the worker's condition every `every_s` seconds and at every change; stores that it is alive as often."""

    def __init__(self, report: Report, reports: WorkerReports, *, every_s: float) -> None:
        self._report = report
        self._reports = reports
        self._every_s = every_s
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Sends a heartbeat soon, because the condition has changed. To be called in the event loop."""
        self._changed.set()

    async def run(self, identity: WorkerIdentity, load: Callable[[], WorkerLoad]) -> None:
        """Sends heartbeats until it is cancelled; the plane may be unavailable meanwhile.

        Args:
            identity: Id and device of the worker.
            load: Returns its load now.
        """
        loop = asyncio.get_running_loop()
        recorded_s = float("-inf")
        while True:
            self._changed.clear()
            self._report(_condition(identity, load()))
            if loop.time() - recorded_s >= self._every_s:
                recorded_s = loop.time()
                await self._record(identity.worker_id)
            await asyncio.sleep(min(_SPACING_S, self._every_s))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, recorded_s + self._every_s - loop.time())):
                    await self._changed.wait()

    async def _record(self, worker_id: str) -> None:
        try:
            await self._reports.store(worker_id)
        except UnavailableError as error:
            _log.warning("a heartbeat was not stored", reason=error.reason)


def _condition(identity: WorkerIdentity, load: WorkerLoad) -> worker_service_pb2.WorkerCondition:
    condition = worker_service_pb2.WorkerCondition(
        device=identity.device,
        device_name=identity.device_name,
        loaded=load.model_ids,
        memory_bytes=load.memory_bytes,
    )
    if load.job is not None:
        condition.job.job_id, condition.job.epoch = load.job
    _MEMORY.set(load.memory_bytes)
    _MODELS.set(load.models_bytes)
    if load.device_memory is not None:
        condition.device_memory_bytes = load.device_memory.used_bytes
        condition.device_memory_total_bytes = load.device_memory.total_bytes
        _DEVICE_MEMORY.labels(identity.device).set(load.device_memory.used_bytes)
        _DEVICE_TOTAL.labels(identity.device).set(load.device_memory.total_bytes)
    return condition
