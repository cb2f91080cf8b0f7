"""atelier-image: what it is made of, and how it starts. It brings no torch."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc.aio

from atelier.image.v1 import image_pb2_grpc
from atelier_image.adapters.database import open_database
from atelier_image.adapters.model_commands import BusModelCommands
from atelier_image.adapters.model_reports import SqlModelReports
from atelier_image.adapters.result_cache import SqlResultCache
from atelier_image.adapters.storage import StorageAssets
from atelier_image.domain.images import KIND, Images
from atelier_image.domain.models import Models
from atelier_image.domain.tidying import Tidying
from atelier_image.image_messages import content_paths
from atelier_image.model_servicer import ModelServicer
from atelier_image.queue_status import tell_queue_status
from atelier_image.servicer import ImageServicer
from atelier_image.settings import ImageSettings
from atelier_image.watching import Watching
from atelier_jobs.bus import Bus
from atelier_jobs.outbox import Cleanup
from atelier_jobs.reconciler import Reconciler
from atelier_jobs.relay import Relay
from atelier_jobs.sql_jobs import SqlJobStore
from atelier_jobs.sql_outbox import SqlOutbox
from atelier_jobs.sql_upkeep import SqlUpkeep
from atelier_jobs.store import Limits
from atelier_jobs.streams import Streams
from atelier_service import process
from atelier_service.channel import open_channel
from atelier_service.credentials import ServiceCredential, jwks_from
from atelier_service.identity import JwksSource, TokenVerifier
from atelier_service.server import RunningServer, run_server
from atelier_service.service import run_service

SERVICE = "atelier-image"


@asynccontextmanager
async def serve(settings: ImageSettings, jwks: JwksSource) -> AsyncIterator[RunningServer]:
    """Serves while the context is open; `jwks` fetches the keys that tokens are verified with.

    Broker, storage and auth may be away: what does not need them goes on. Raises CatalogueError, OSError (the port is
    taken), and what the database raises when it cannot be opened.
    """
    async with AsyncExitStack() as stack:
        catalogue = settings.catalogue()
        origin = f"{SERVICE}-{socket.gethostname()}-{os.getpid()}"
        database = await stack.enter_async_context(
            open_database(settings.database_url, origin=origin, content_urls=content_paths)
        )
        bus = await stack.enter_async_context(Bus.open(settings.nats_url, name=SERVICE))
        credential = ServiceCredential(settings.auth_address, SERVICE, settings.service_secret)
        stack.push_async_callback(credential.close)
        callers = await stack.enter_async_context(open_channel(settings.storage_address))
        own = await stack.enter_async_context(open_channel(settings.storage_address, token=credential.token))

        jobs = SqlJobStore(database)
        storage = StorageAssets(callers, own)
        cache = SqlResultCache(database)
        reports = SqlModelReports(database)
        images = Images(
            jobs,
            catalogue,
            reports,
            cache,
            limits=Limits(max_queued=settings.max_queued, max_live_per_owner=settings.max_live_per_owner),
            max_attempts=settings.max_attempts,
        )
        tidying = Tidying(cache, storage)

        async def cleanup(what: Cleanup) -> None:
            await tidying.tidy(what.job_id)

        relay = Relay(SqlOutbox(database), bus, Streams((KIND,)), cleanup=cleanup)
        watching = Watching(jobs, bus, database.events, heartbeat_s=settings.watch_heartbeat_s)
        models = Models(catalogue, reports, BusModelCommands(bus, KIND))

        def register(server: grpc.aio.Server) -> None:
            image_pb2_grpc.add_ImageServiceServicer_to_server(ImageServicer(images, watching, storage), server)
            image_pb2_grpc.add_ModelServiceServicer_to_server(ModelServicer(models), server)

        works = (
            relay.run(),
            Reconciler(SqlUpkeep(database)).run(),
            tell_queue_status(jobs, bus, settings.queue_status_s),
        )
        await stack.enter_async_context(process.background(*works))
        yield await stack.enter_async_context(run_server(settings, register=register, verifier=TokenVerifier(jwks)))


def main() -> None:
    """Entry point of `atelier-image`."""
    settings = ImageSettings()
    run_service(settings, SERVICE, lambda: serve(settings, jwks_from(settings.auth_address)))


if __name__ == "__main__":
    main()
