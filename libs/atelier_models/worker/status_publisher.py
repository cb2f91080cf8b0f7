"""Publisher of the states of this worker's models: to the database, and as `model.status` events to everybody."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

import structlog

from atelier.events.v1 import events_pb2
from atelier_diffusion.engine.model_store import ModelState as EngineState
from atelier_diffusion.engine.model_store import ModelStatus
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
    """Publishes in order; while database or broker are unavailable, what they are to get waits."""

    def __init__(self, bus: Bus, reports: SqlModelReports, worker_id: str, *, changed: Callable[[], None]) -> None:
        """`changed` is called in the event loop when something did."""
        self._bus = bus
        self._reports = reports
        self._worker_id = worker_id
        self._changed = changed
        self._ready: dict[str, int] = {}
        self._for_sql = _Waiting()
        self._for_bus = _Waiting()
        self._fingerprint_of: Callable[[str], str] = lambda _: ""

    @property
    def ready_ids(self) -> tuple[str, ...]:
        """The models in memory."""
        return tuple(sorted(self._ready))

    @property
    def held_bytes(self) -> int:
        """What their weights hold."""
        return sum(self._ready.values())

    def begin(self, statuses: Iterable[ModelStatus], fingerprint_of: Callable[[str], str]) -> None:
        """Records the states at the start, without events.

        Args:
            statuses: One for each model.
            fingerprint_of: Returns for a model's id what draws it here; known once the engine is open.
        """
        self._fingerprint_of = fingerprint_of
        for status in statuses:
            self._note(status)
            self._for_sql.add(status)
        self._changed()

    def publish(self, status: ModelStatus) -> None:
        """Publishes a change. To be called in the event loop."""
        self._note(status)
        self._for_sql.add(status)
        self._for_bus.add(status)
        self._changed()

    def _note(self, status: ModelStatus) -> None:
        self._ready.pop(status.model_id, None)
        if status.state is EngineState.READY:
            self._ready[status.model_id] = status.memory_bytes

    async def run(self) -> None:
        """Publishes until it is cancelled."""
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
            facts=status.facts,
        )
        await self._reports.heard(self._worker_id, [report])

    async def _publish(self, status: ModelStatus) -> None:
        message = events_pb2.ModelStatus(
            model_id=status.model_id,
            state=status.state.name,
            memory_bytes=status.memory_bytes,
            worker_id=self._worker_id,
        )
        if status.reason:
            message.error.reason, message.error.message = status.reason, status.message
        event = events_pb2.Event(type=_TYPE, model_status=message)
        event.time.GetCurrentTime()
        subject = subjects.event(subjects.EVERYBODY, _TYPE, status.model_id)
        await self._bus.publish_durable(subject, event.SerializeToString(), message_id=uuid7())


class _Waiting:
    """States that wait to be published, oldest first; beyond a thousand the oldest are dropped."""

    def __init__(self) -> None:
        self._waiting: deque[ModelStatus] = deque(maxlen=_KEPT)
        self._some = asyncio.Event()

    def add(self, status: ModelStatus) -> None:
        self._waiting.append(status)
        self._some.set()

    async def hand_to(self, publish: Callable[[ModelStatus], Awaitable[None]]) -> None:
        pause_s = 0.1
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                try:
                    await publish(self._waiting[0])
                except (UnavailableError, BusUnavailableError) as error:
                    _log.info("the state of a model waits to be published", error=str(error))
                    await asyncio.sleep(pause_s)
                    pause_s = min(_MAX_PAUSE_S, pause_s * 2)
                else:
                    self._waiting.popleft()
                    pause_s = 0.1
