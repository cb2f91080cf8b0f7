"""Events of the type `model.status`, published on the bus for all users."""

from atelier.events.v1 import events_pb2
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus, BusUnavailableError
from atelier_models.domain.model_view import ModelReport
from atelier_models.domain.retry_queue import RetryQueue
from atelier_service.errors import UnavailableError

_TYPE = "model.status"


class ModelEvents:
    """Publishes reports in order; while the broker is unavailable, they are queued."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._waiting: RetryQueue[ModelReport] = RetryQueue()

    def add(self, report: ModelReport) -> None:
        """Adds a report of a changed state."""
        self._waiting.add(report)

    async def run(self) -> None:
        """Publishes until it is cancelled."""
        await self._waiting.deliver_to(self._publish)

    async def _publish(self, report: ModelReport) -> None:
        status = events_pb2.ModelStatus(
            model_id=report.model_id,
            state=report.state.name,
            memory_bytes=report.memory_bytes,
            worker_id=report.worker_id,
        )
        if report.reason:
            status.error.reason, status.error.message = report.reason, report.message
        event = events_pb2.Event(type=_TYPE, model_status=status)
        event.time.GetCurrentTime()
        subject = subjects.event(subjects.EVERYBODY, _TYPE, report.model_id)
        try:
            await self._bus.publish_durable(subject, event.SerializeToString(), message_id=report.event_id)
        except BusUnavailableError as error:
            raise UnavailableError("BROKER_UNAVAILABLE", str(error)) from error
