"""Progress as ephemeral events on the bus: the adapter of ProgressSink on the side that has the bus."""

from atelier_jobs.domain.job import Job
from atelier_jobs.domain.progress import Progress
from atelier_jobs.events.factory import EventFactory
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus
from atelier_service.clock import Clock, SystemClock


class BusProgress:
    """A ProgressSink."""

    def __init__(self, bus: Bus, events: EventFactory, clock: Clock | None = None) -> None:
        self._bus = bus
        self._events = events
        self._clock = clock or SystemClock()

    async def publish(
        self, job: Job, progress: Progress, *, eta_s: float | None, preview: bytes, preview_content_type: str
    ) -> None:
        """See ProgressSink.publish."""
        event = self._events.advanced(
            job, self._clock.now_us(), progress, eta_s=eta_s, preview=preview, preview_content_type=preview_content_type
        )
        await self._bus.publish(subjects.ephemeral(job.owner, job.id), event.SerializeToString())
