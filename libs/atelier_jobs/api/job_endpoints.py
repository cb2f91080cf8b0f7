"""Composition of what the servicers of one kind of job share, from the job store and the bus."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import grpc.aio

from atelier_jobs.api.child_jobs import ChildJobs
from atelier_jobs.api.event_streams import EventStreams
from atelier_jobs.api.job_api import JobApi
from atelier_jobs.api.job_directory import JobDirectory
from atelier_jobs.api.own_jobs import OwnJobs
from atelier_jobs.api.peer_jobs import PeerJobs
from atelier_jobs.domain.owner_jobs import Kind, OwnerJobs
from atelier_jobs.events.factory import EventFactory
from atelier_jobs.events.watch import Watching
from atelier_jobs.messaging.bus import Bus
from atelier_jobs.settings import JobApiSettings
from atelier_jobs.sql.database import JobDatabase
from atelier_jobs.sql.jobs import SqlJobStore
from atelier_service.federation import Federation
from atelier_service.stream_slots import StreamSlots


@dataclass(frozen=True, slots=True)
class JobEndpoints:
    """Use cases of owners, requests about jobs, event streams, and the jobs of all kinds."""

    jobs: OwnerJobs
    api: JobApi
    streams: EventStreams
    directory: JobDirectory


def job_endpoints(
    kind: Kind,
    settings: JobApiSettings,
    database: JobDatabase,
    bus: Bus,
    events: EventFactory,
    peers: Mapping[str, grpc.aio.Channel],
    path_of: Callable[[str], str],
    *,
    are_parents: bool = False,
) -> JobEndpoints:
    """Creates the endpoints of one kind.

    Args:
        kind: Kind of the jobs.
        settings: Limits and rates.
        database: The database of the jobs.
        bus: Where their events are published.
        events: Makes the messages that are streamed.
        peers: Channels to the services of other kinds, by kind; see `open_peers`.
        path_of: Returns the path of a job below the gateway.
        are_parents: The jobs have jobs of other kinds, which are cancelled with them.
    """
    store = SqlJobStore(database)
    jobs = OwnerJobs(kind, store, limits=settings.limits, max_attempts=settings.max_attempts)
    watching = Watching(
        store,
        bus,
        events,
        heartbeat_s=settings.watch_heartbeat_s,
        rate_per_s=settings.watch_rate_per_s,
    )
    slots = StreamSlots(settings.max_streams_per_caller)
    streams = EventStreams(jobs, watching, slots)
    others = {peer: PeerJobs(peer, channel) for peer, channel in peers.items()}
    children = ChildJobs(others) if are_parents else None
    own = OwnJobs(kind.name, store, streams, path_of=path_of, children=children)
    directory = JobDirectory(Federation(kind.name, own, others))
    return JobEndpoints(jobs, JobApi(jobs, watching, directory, path_of, children), streams, directory)
