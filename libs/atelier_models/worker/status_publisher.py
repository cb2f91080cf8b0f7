"""Tells how the models of this worker stand: to the database, and as `model.status` events to everybody."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

from atelier.events.v1 import events_pb2
from atelier_diffusion.engine.model_cache import ModelState as EngineState
from atelier_diffusion.engine.model_cache import ModelStatus
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus, BusUnavailableError
from atelier_models.adapters.model_reports import SqlModelReports
from atelier_models.domain.model_view import Engine, ModelReport, ModelState
from atelier_service.errors import UnavailableError
from atelier_service.ids import uuid7

_log = structlog.get_logger(__name__)

_TYPE = "model.status"
_KEPT = 1000
_MAX_PAUSE_S = 5.0


class ModelStatusPublisher:
    """News go out in their order; what database or broker do not take now is told when they are back."""

    def __init__(self, bus: Bus, reports: SqlModelReports, worker_id: str, *, changed: Callable[[], None]) -> None:
        """`changed` is called in the event loop when something did."""
        self._bus = bus
        self._reports = reports
        self._worker_id = worker_id
        self._changed = changed
        self._ready: dict[str, int] = {}
        self._for_sql = _News()
        self._for_bus = _News()
        self._fingerprint_of: Callable[[str], str] = lambda _: ""

    @property
    def ready_ids(self) -> tuple[str, ...]:
        """The models in memory."""
        return tuple(sorted(self._ready))

    @property
    def held_bytes(self) -> int:
        """What their weights hold."""
        return sum(self._ready.values())

    def draw_with(self, fingerprint_of: Callable[[str], str]) -> None:
        """What draws a model on this worker; known once the device is."""
        self._fingerprint_of = fingerprint_of

    def tell(self, status: ModelStatus, *, event: bool = True) -> None:
        """Takes note; without `event` only the database learns of it."""
        self._ready.pop(status.model_id, None)
        if status.state is EngineState.READY:
            self._ready[status.model_id] = status.memory_bytes
        self._for_sql.add(status)
        if event:
            self._for_bus.add(status)
        self._changed()

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._for_sql.hand_to(self._record))
            group.create_task(self._for_bus.hand_to(self._publish))

    async def _record(self, status: ModelStatus) -> None:
        report = ModelReport(
            worker_id=self._worker_id,
            model_id=status.model_id,
            state=ModelState[status.state.name],
            engine=Engine(status.revision, self._fingerprint_of(status.model_id)),
            memory_bytes=status.memory_bytes,
            reason=status.reason,
            message=status.message,
        )
        await self._reports.heard(self._worker_id, [report])

    async def _publish(self, status: ModelStatus) -> None:
        news = events_pb2.ModelStatus(
            model_id=status.model_id,
            state=status.state.name,
            memory_bytes=status.memory_bytes,
            worker_id=self._worker_id,
        )
        if status.reason:
            news.error.reason, news.error.message = status.reason, status.message
        event = events_pb2.Event(type=_TYPE, model_status=news)
        event.time.GetCurrentTime()
        subject = subjects.event(subjects.EVERYBODY, _TYPE, status.model_id)
        await self._bus.publish_durable(subject, event.SerializeToString(), message_id=uuid7())


class _News:
    """Waits to be told, oldest first; beyond a thousand the oldest are forgotten."""

    def __init__(self) -> None:
        self._waiting: deque[ModelStatus] = deque(maxlen=_KEPT)
        self._some = asyncio.Event()

    def add(self, status: ModelStatus) -> None:
        self._waiting.append(status)
        self._some.set()

    async def hand_to(self, tell: Callable[[ModelStatus], Awaitable[None]]) -> None:
        pause_s = 0.1
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                try:
                    await tell(self._waiting[0])
                except (UnavailableError, BusUnavailableError) as error:
                    _log.info("news of a model wait", error=str(error))
                    await asyncio.sleep(pause_s)
                    pause_s = min(_MAX_PAUSE_S, pause_s * 2)
                else:
                    self._waiting.popleft()
                    pause_s = 0.1
