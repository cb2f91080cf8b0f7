"""atelier-image: composition of the API process, and its entry point. It does not import torch."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import grpc.aio

from atelier.image.v1 import image_pb2_grpc
from atelier.jobs.v1 import worker_service_pb2_grpc
from atelier.models.v1 import model_service_pb2_grpc, model_worker_service_pb2_grpc
from atelier_artifacts.adapters.result_cache import SqlResultCache
from atelier_artifacts.adapters.storage import open_storage
from atelier_artifacts.adapters.tables import artifact_tables
from atelier_artifacts.api.job_files import JobFiles
from atelier_artifacts.domain.garbage_collector import GarbageCollector
from atelier_drawing.domain.drawings import Drawings
from atelier_image.adapters.callers_assets import CallersStoredAssets
from atelier_image.api.image_messages import content_paths, image_path
from atelier_image.api.servicer import ImageServicer, ImageStreamServicer
from atelier_image.domain.image import IMAGE
from atelier_image.domain.parameters import ImageParameters, resolve
from atelier_image.settings import ImageSettings
from atelier_jobs.api.job_endpoints import job_endpoints
from atelier_jobs.api.job_servicer import add_job_services
from atelier_jobs.domain.job import Job
from atelier_jobs.events.bus_progress import BusProgress
from atelier_jobs.events.factory import EventFactory
from atelier_jobs.messaging.bus import Bus
from atelier_jobs.messaging.work_signals import BusWorkSignals
from atelier_jobs.plane.job_tokens import AuthJobTokens
from atelier_jobs.plane.plane_tasks import plane_tasks
from atelier_jobs.plane.worker_servicer import WorkerServicer
from atelier_jobs.sql.claims import SqlClaimStore
from atelier_jobs.sql.service_database import open_database, process_origin
from atelier_models.adapters.model_commands import BusModelCommands
from atelier_models.adapters.model_events import ModelEvents
from atelier_models.adapters.model_reports import SqlModelReports
from atelier_models.adapters.tables import model_tables
from atelier_models.api.model_servicer import ModelServicer
from atelier_models.api.model_worker_servicer import ModelWorkerServicer
from atelier_models.api.peer_models import model_directory
from atelier_models.domain.models import Models
from atelier_service import process
from atelier_service.channel import open_channel
from atelier_service.credentials import ServiceCredential, jwks_from
from atelier_service.federation import open_peers
from atelier_service.identity import JwksSource, TokenVerifier
from atelier_service.revoked_keys import RevokedKeys
from atelier_service.server import RunningServer, run_server
from atelier_service.service import read_settings, run_service
from atelier_service.url_signing import UrlSigner

SERVICE = "atelier-image"
WORKER_SERVICE = "atelier-image-worker"


@asynccontextmanager
async def serve(settings: ImageSettings, jwks: JwksSource) -> AsyncIterator[RunningServer]:
    """Serves while the context is open; `jwks` fetches the keys that tokens are verified with.

    Broker, storage and auth may be unavailable: what does not need them is served. Raises ConfigurationError, OSError
    (the port is taken), and what the database raises when it cannot be opened.
    """
    catalogue = settings.catalogue()
    artifact, model = artifact_tables(IMAGE.name), model_tables(IMAGE.name)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context

        events = EventFactory(content_paths)
        database = await enter(
            open_database(settings.database_url, artifact.schema, model.schema, origin=process_origin(SERVICE))
        )
        bus = await enter(Bus.open(settings.nats_url, name=SERVICE))
        credential = ServiceCredential(settings.auth_address, SERVICE, settings.service_secret)
        stack.push_async_callback(credential.close)
        storage = await enter(open_storage(settings.storage_address, credential))
        urls = UrlSigner(await enter(open_channel(settings.auth_address)))
        peers = await enter(open_peers(settings.peer_addresses, credential.of_caller))
        auth = await enter(open_channel(settings.auth_address, token=credential.token))

        jobs = job_endpoints(IMAGE, settings, database, bus, events, peers, image_path)
        cache = SqlResultCache(database, artifact)
        files = JobFiles(jobs.jobs, storage, cache)
        reports = SqlModelReports(database, model)
        models = Models(catalogue, reports, BusModelCommands(bus, IMAGE.name))
        drawings = Drawings(jobs.jobs, resolve, catalogue, reports, cache)
        catalogues = model_directory(IMAGE.name, models, peers)

        claims = SqlClaimStore(database, cache.on_success)
        signals = BusWorkSignals(bus, IMAGE.name, database.wake_ups)
        tokens = AuthJobTokens(auth, _assets_of)
        workers = WorkerServicer(
            IMAGE.name, WORKER_SERVICE, claims, claims, signals, BusProgress(bus, events), tokens, bus
        )
        model_events = ModelEvents(bus)
        model_workers = ModelWorkerServicer(IMAGE.name, WORKER_SERVICE, reports, model_events, bus)

        def register(server: grpc.aio.Server) -> None:
            servicer = ImageServicer(jobs.api, drawings, files, jobs.streams, urls, CallersStoredAssets(storage))
            image_pb2_grpc.add_ImageServiceServicer_to_server(servicer, server)
            image_pb2_grpc.add_ImageStreamServiceServicer_to_server(ImageStreamServicer(jobs.streams), server)
            add_job_services(jobs.directory, urls, server)
            model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelServicer(catalogues), server)
            worker_service_pb2_grpc.add_WorkerServiceServicer_to_server(workers, server)
            model_worker_service_pb2_grpc.add_ModelWorkerServiceServicer_to_server(model_workers, server)

        revoked = RevokedKeys()
        collector = GarbageCollector(cache, storage)
        await enter(
            process.background(
                *plane_tasks(
                    database,
                    bus,
                    events,
                    IMAGE.name,
                    collect=collector.collect,
                    queue_status_s=settings.queue_status_s,
                    hold_off_s=settings.lease_hold_off_s,
                ),
                workers.run(),
                model_events.run(),
                revoked.run(settings.auth_address),
            )
        )
        yield await enter(run_server(settings, register=register, verifier=TokenVerifier(jwks), revoked=revoked))


def _assets_of(job: Job) -> Sequence[str]:
    """The assets that a drawing begins with: its worker reads them."""
    return [each.asset_id for each in ImageParameters.from_bytes(job.spec).inputs.values()]


def main() -> None:
    """Entry point of `atelier-image`."""
    settings = read_settings(ImageSettings, SERVICE)
    run_service(settings, SERVICE, lambda: serve(settings, jwks_from(settings.auth_address)))


if __name__ == "__main__":
    main()
