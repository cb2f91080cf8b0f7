"""Says that this worker lives, and how it is."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from prometheus_client import Gauge

from atelier.events.v1 import events_pb2
from atelier_diffusion.engine.hardware import MemoryReading
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus
from atelier_models.adapters.model_reports import SqlModelReports
from atelier_service.errors import UnavailableError

_log = structlog.get_logger(__name__)

# Changes that follow one another faster are told together.
_SPACING_S = 0.25

_MEMORY = Gauge("atelier_worker_memory_bytes", "Resident memory of this process and of the one that draws.")
_DEVICE_MEMORY = Gauge("atelier_worker_device_memory_bytes", "Memory of the device in use, by anybody.", ["device"])
_DEVICE_TOTAL = Gauge("atelier_worker_device_memory_total_bytes", "Memory of the device.", ["device"])
_MODELS = Gauge("atelier_worker_models_bytes", "What the weights of loaded models hold.")


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """What does not change while the process lives. `device` is `cpu` or `cuda:0`, `device_name` is for people."""

    worker_id: str
    kind: str
    device: str
    device_name: str


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """What the worker does now: one of its jobs and whose that is, both empty for none. `memory_bytes` is resident, in
    both its processes; `device_memory` is None on a CPU, whose memory is the host's."""

    job_id: str
    job_owner: str
    memory_bytes: int
    model_ids: tuple[str, ...]
    models_bytes: int
    device_memory: MemoryReading | None


class Heartbeat:
    """On the bus every `every_s` seconds and at every change, in the database every `every_s` seconds."""

    def __init__(self, bus: Bus, reports: SqlModelReports, *, every_s: float) -> None:
        self._bus = bus
        self._reports = reports
        self._every_s = every_s
        self._news = asyncio.Event()

    def changed(self) -> None:
        """Something that the heartbeat tells has changed. To be called in the event loop."""
        self._news.set()

    async def run(self, identity: WorkerIdentity, load: Callable[[], WorkerLoad]) -> None:
        """Until it is cancelled; database and broker may go away and come back."""
        loop = asyncio.get_running_loop()
        recorded_s = float("-inf")
        while True:
            self._news.clear()
            await self._publish(identity, load())
            if loop.time() - recorded_s >= self._every_s:
                recorded_s = loop.time()
                await self._record(identity.worker_id)
            await asyncio.sleep(min(_SPACING_S, self._every_s))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, recorded_s + self._every_s - loop.time())):
                    await self._news.wait()

    async def _record(self, worker_id: str) -> None:
        try:
            await self._reports.heard(worker_id)
        except UnavailableError as error:
            _log.warning("a heartbeat was not recorded", reason=error.reason)

    async def _publish(self, identity: WorkerIdentity, load: WorkerLoad) -> None:
        status = events_pb2.WorkerStatus(
            id=identity.worker_id,
            kind=identity.kind,
            device=identity.device,
            device_name=identity.device_name,
            job_id=load.job_id,
            model_ids=load.model_ids,
            memory_bytes=load.memory_bytes,
        )
        _MEMORY.set(load.memory_bytes)
        _MODELS.set(load.models_bytes)
        if load.device_memory is not None:
            status.device_memory_bytes = load.device_memory.used_bytes
            status.device_memory_total_bytes = load.device_memory.total_bytes
            _DEVICE_MEMORY.labels(identity.device).set(load.device_memory.used_bytes)
            _DEVICE_TOTAL.labels(identity.device).set(load.device_memory.total_bytes)
        status.time.GetCurrentTime()
        report = events_pb2.WorkerReport(status=status, job_owner=load.job_owner)
        await self._bus.publish(subjects.worker_heartbeat(identity.worker_id), report.SerializeToString())
