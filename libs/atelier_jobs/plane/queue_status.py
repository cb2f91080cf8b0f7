"""Queue status: how many jobs of a kind wait and run, published for all."""

import asyncio

import structlog

from atelier.events.v1 import events_pb2
from atelier_jobs.domain.store import JobStore
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus
from atelier_service.errors import UnavailableError

_log = structlog.get_logger(__name__)


async def publish_queue_status(jobs: JobStore, bus: Bus, kind: str, every_s: float) -> None:
    """Counts and publishes every `every_s` seconds until it is cancelled, also after outages of database or broker."""
    while True:
        try:
            counts = await jobs.queue_counts(kind)
        except UnavailableError as error:
            _log.warning("the queue cannot be counted", reason=error.reason)
        else:
            status = events_pb2.QueueStatus(
                kind=kind, queued=counts.queued, running=counts.running, oldest_wait_s=counts.oldest_wait_s
            )
            status.time.GetCurrentTime()
            await bus.publish(subjects.queue_status(kind), status.SerializeToString())
        await asyncio.sleep(every_s)
