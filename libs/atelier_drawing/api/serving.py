"""An API process: what it is made of, whatever its service makes. It brings no torch."""

import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Generic

import grpc.aio

from atelier_artifacts.adapters.result_cache import SqlResultCache
from atelier_artifacts.adapters.storage import StorageAssets
from atelier_artifacts.adapters.tables import artifact_tables
from atelier_artifacts.api.job_files import JobFiles
from atelier_artifacts.domain.garbage_collector import GarbageCollector
from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_drawing.domain.drawings import AskedT, Drawings, Resolve
from atelier_drawing.settings import DrawingApiSettings
from atelier_jobs.api.event_streams import EventStreams
from atelier_jobs.api.job_api import JobApi
from atelier_jobs.api.queue_status import tell_queue_status
from atelier_jobs.domain.outbox import Cleanup
from atelier_jobs.domain.owner_jobs import Kind, OwnerJobs
from atelier_jobs.domain.store import Limits
from atelier_jobs.events.factory import EventFactory
from atelier_jobs.events.watch import Watching
from atelier_jobs.messaging.bus import Bus
from atelier_jobs.messaging.streams import Streams
from atelier_jobs.plane.reconciler import Reconciler
from atelier_jobs.plane.relay import Relay
from atelier_jobs.sql.jobs import SqlJobStore
from atelier_jobs.sql.outbox import SqlOutbox
from atelier_jobs.sql.service_database import open_database
from atelier_jobs.sql.upkeep import SqlUpkeep
from atelier_models.adapters.model_commands import BusModelCommands
from atelier_models.adapters.model_reports import SqlModelReports
from atelier_models.adapters.tables import model_tables
from atelier_models.domain.models import Models
from atelier_service import process
from atelier_service.channel import open_channel
from atelier_service.credentials import ServiceCredential
from atelier_service.identity import JwksSource, TokenVerifier
from atelier_service.revoked_keys import RevokedKeys
from atelier_service.server import RunningServer, run_server
from atelier_service.stream_slots import StreamSlots
from atelier_service.url_signing import UrlSigner


@dataclass(frozen=True, slots=True)
class Parts(Generic[AskedT]):
    """What servicers are made of."""

    drawings: Drawings[AskedT]
    jobs: JobApi
    files: JobFiles
    models: Models
    streams: EventStreams
    storage: StorageAssets
    urls: UrlSigner


@asynccontextmanager
async def serve_api(
    kind: Kind,
    service: str,
    settings: DrawingApiSettings,
    catalogue: Catalogue,
    jwks: JwksSource,
    *,
    resolve: Resolve[AskedT],
    path_of: Callable[[str], str],
    events: EventFactory,
    register: Callable[[Parts[AskedT], grpc.aio.Server], None],
) -> AsyncIterator[RunningServer]:
    """Serves what `register` adds while the context is open; `jwks` fetches the keys that tokens are verified with.

    Broker, storage and auth may be away: what does not need them goes on. Raises OSError (the port is taken), and what
    the database raises when it cannot be opened.
    """
    async with AsyncExitStack() as stack:
        origin = f"{service}-{socket.gethostname()}-{os.getpid()}"
        artifacts, workers = artifact_tables(kind.name), model_tables(kind.name)
        database = await stack.enter_async_context(
            open_database(settings.database_url, artifacts.schema, workers.schema, origin=origin, events=events)
        )
        bus = await stack.enter_async_context(Bus.open(settings.nats_url, name=service))
        credential = ServiceCredential(settings.auth_address, service, settings.service_secret)
        stack.push_async_callback(credential.close)
        callers = await stack.enter_async_context(open_channel(settings.storage_address, token=credential.of_caller))
        auth = await stack.enter_async_context(open_channel(settings.auth_address))
        own = await stack.enter_async_context(open_channel(settings.storage_address, token=credential.token))

        jobs = SqlJobStore(database)
        storage = StorageAssets(callers, own)
        cache = SqlResultCache(database, artifacts)
        reports = SqlModelReports(database, workers)
        limits = Limits(max_queued=settings.max_queued, max_live_per_owner=settings.max_live_per_owner)
        owner_jobs = OwnerJobs(kind, jobs, limits=limits, max_attempts=settings.max_attempts)
        drawings = Drawings(owner_jobs, resolve, catalogue, reports, cache)
        collector = GarbageCollector(cache, storage)

        async def cleanup(what: Cleanup) -> None:
            await collector.collect(what.job_id)

        relay = Relay(SqlOutbox(database), bus, Streams(), database.wake_ups, cleanup=cleanup)
        watching = Watching(
            jobs,
            bus,
            database.events,
            heartbeat_s=settings.watch_heartbeat_s,
            rate_per_s=settings.watch_rate_per_s,
        )
        streams = EventStreams(owner_jobs, watching, StreamSlots(settings.max_streams_per_caller))
        models = Models(catalogue, reports, BusModelCommands(bus, kind.name))
        parts = Parts(
            drawings,
            JobApi(owner_jobs, watching, path_of),
            JobFiles(owner_jobs, storage, cache),
            models,
            streams,
            storage,
            UrlSigner(auth),
        )
        revoked = RevokedKeys()
        works = (
            relay.run(),
            Reconciler(SqlUpkeep(database)).run(),
            tell_queue_status(jobs, bus, kind.name, settings.queue_status_s),
            revoked.run(settings.auth_address),
        )
        await stack.enter_async_context(process.background(*works))
        yield await stack.enter_async_context(
            run_server(
                settings,
                register=lambda server: register(parts, server),
                verifier=TokenVerifier(jwks),
                revoked=revoked,
            )
        )
