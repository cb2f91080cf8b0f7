"""Publishes durable events: a row of the outbox holds a domain event, which becomes a message here."""

from atelier.events.v1 import events_pb2
from atelier_jobs.domain.event import JobEvent
from atelier_jobs.domain.outbox import OutboxRow
from atelier_jobs.domain.states import State
from atelier_jobs.events.factory import EventFactory
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus


class EventPublisher:
    """Publishes to the event stream; the broker drops duplicates."""

    def __init__(self, bus: Bus, events: EventFactory) -> None:
        self._bus = bus
        self._events = events

    async def publish(self, row: OutboxRow) -> None:
        """Publishes the event of a row and, when the job failed, an error notification.

        Raises:
            BusUnavailableError: The broker is unavailable; one of the messages may have been published.
            BusRefusedError: The broker refused a message.
        """
        event = JobEvent.from_bytes(row.payload)
        await self._send(row, self._events.changed(event), row.message_id)
        if event.state is State.FAILED:
            await self._send(row, self._events.failed(event), f"{row.message_id}:error")

    async def _send(self, row: OutboxRow, message: events_pb2.Event, message_id: str) -> None:
        await self._bus.publish_durable(
            subjects.event(row.owner, message.type, row.job_id),
            message.SerializeToString(),
            message_id=message_id,
            headers={"traceparent": row.traceparent} if row.traceparent else {},
        )
