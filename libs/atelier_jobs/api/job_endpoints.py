"""What the servicers of one kind of job share, put together from the job store and the bus."""

from collections.abc import Callable
from dataclasses import dataclass

from atelier_jobs.api.event_streams import EventStreams
from atelier_jobs.api.job_api import JobApi
from atelier_jobs.domain.owner_jobs import Kind, OwnerJobs
from atelier_jobs.events.watch import Watching
from atelier_jobs.messaging.bus import Bus
from atelier_jobs.settings import JobApiSettings
from atelier_jobs.sql.database import JobDatabase
from atelier_jobs.sql.jobs import SqlJobStore
from atelier_service.stream_slots import StreamSlots


@dataclass(frozen=True, slots=True)
class JobEndpoints:
    """Use cases of owners, requests about jobs, and event streams."""

    jobs: OwnerJobs
    api: JobApi
    streams: EventStreams


def job_endpoints(
    kind: Kind, settings: JobApiSettings, database: JobDatabase, bus: Bus, path_of: Callable[[str], str]
) -> JobEndpoints:
    """Puts them together; `path_of` returns the path of a job below the gateway."""
    store = SqlJobStore(database)
    jobs = OwnerJobs(kind, store, limits=settings.limits, max_attempts=settings.max_attempts)
    watching = Watching(
        store,
        bus,
        database.events,
        heartbeat_s=settings.watch_heartbeat_s,
        rate_per_s=settings.watch_rate_per_s,
    )
    slots = StreamSlots(settings.max_streams_per_caller)
    return JobEndpoints(jobs, JobApi(jobs, watching, path_of), EventStreams(jobs, watching, slots))
