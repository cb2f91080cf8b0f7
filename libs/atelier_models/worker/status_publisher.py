"""The status publisher: reports the states of this worker's models to the plane."""

from collections.abc import Callable, Iterable

from atelier_diffusion.engine.model_store import ModelState as EngineState
from atelier_diffusion.engine.model_store import ModelStatus
from atelier_models.domain.model_view import EngineVersion, ModelReport, ModelState
from atelier_models.domain.models import WorkerReports
from atelier_models.domain.retry_queue import RetryQueue
from atelier_service.ids import uuid7


class ModelStatusPublisher:
    """Reports changes in order; while the plane is unavailable, they are queued."""

    def __init__(self, reports: WorkerReports, worker_id: str, *, changed: Callable[[], None]) -> None:
        """Creates the publisher; `changed` is called in the event loop after each change."""
        self._reports = reports
        self._worker_id = worker_id
        self._changed = changed
        self._ready: dict[str, int] = {}
        self._waiting: RetryQueue[tuple[ModelStatus, str]] = RetryQueue()  # with the id of the event
        self._fingerprint_of: Callable[[str], str] = lambda _: ""

    @property
    def ready_ids(self) -> tuple[str, ...]:
        """Ids of the models in memory."""
        return tuple(sorted(self._ready))

    @property
    def held_bytes(self) -> int:
        """Memory of their weights, in bytes."""
        return sum(self._ready.values())

    def begin(self, statuses: Iterable[ModelStatus], fingerprint_of: Callable[[str], str]) -> None:
        """Records the states at the start, without events.

        Args:
            statuses: The status of each model.
            fingerprint_of: Returns the fingerprint of the engine for a model's id; known once the engine is open.
        """
        self._fingerprint_of = fingerprint_of
        for status in statuses:
            self._note(status, "")

    def publish(self, status: ModelStatus) -> None:
        """Publishes a change. To be called in the event loop."""
        self._note(status, uuid7())

    def _note(self, status: ModelStatus, event_id: str) -> None:
        self._ready.pop(status.model_id, None)
        if status.state is EngineState.READY:
            self._ready[status.model_id] = status.memory_bytes
        self._waiting.add((status, event_id))
        self._changed()

    async def run(self) -> None:
        """Publishes until it is cancelled."""
        await self._waiting.deliver_to(self._send)

    async def _send(self, change: tuple[ModelStatus, str]) -> None:
        status, event_id = change
        report = ModelReport(
            worker_id=self._worker_id,
            model_id=status.model_id,
            state=ModelState[status.state.name],
            engine=EngineVersion(status.revision, self._fingerprint_of(status.model_id)),
            memory_bytes=status.memory_bytes,
            reason=status.reason,
            message=status.message,
            facts=status.facts,
            event_id=event_id,
        )
        await self._reports.store(self._worker_id, [report])
