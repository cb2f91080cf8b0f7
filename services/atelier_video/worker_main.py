"""atelier-video-worker: composition of the worker process, and its entry point. It does not import torch."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from atelier_artifacts.adapters.storage import JobStorage
from atelier_artifacts.worker.asset_files import AssetFiles
from atelier_diffusion.torch_backend.local_engine import open_video_engine
from atelier_drawing.worker.drawing_engine import engine_tasks, fingerprints, open_drawing_engine
from atelier_drawing.worker.handler import DrawingHandler
from atelier_jobs.worker.plane_connection import open_plane
from atelier_jobs.worker.worker import Capacity, Worker, WorkerOptions
from atelier_models.worker.worker_reporting import WorkerReporting
from atelier_service import process
from atelier_service.channel import open_channel
from atelier_service.credentials import ServiceCredential, jwks_from
from atelier_service.identity import JwksSource, TokenVerifier
from atelier_service.server import RunningServer, run_server
from atelier_service.service import read_settings, run_service
from atelier_video.domain.video import VIDEO
from atelier_video.settings import VideoWorkerSettings
from atelier_video.worker.scratch import scratch_folder
from atelier_video.worker.video_generator import VideoGenerator

SERVICE = "atelier-video-worker"


@asynccontextmanager
async def serve(settings: VideoWorkerSettings, jwks: JwksSource) -> AsyncIterator[RunningServer]:
    """Runs jobs while the context is open; the server that it yields serves grpc.health.v1.

    At the end, running jobs get `job_grace_s` to end and are then released. The plane, storage and auth may be
    unavailable, also at the start. Raises ConfigurationError, also for a device that does not exist,
    and OSError when there is no room for clips.
    """
    catalogue = settings.catalogue()
    model_ids = frozenset(card.id for card in catalogue.cards)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        folder = stack.enter_context(scratch_folder(settings.scratch_dir))

        credential = ServiceCredential(settings.auth_address, SERVICE, settings.service_secret)
        stack.push_async_callback(credential.close)
        plane = await enter(
            open_plane(settings.plane_address, kind=VIDEO.name, worker_id=settings.worker_id, token=credential.token)
        )
        storage = await enter(open_channel(settings.storage_address, token=credential.token))

        reporting = WorkerReporting(plane, settings.worker_id, VIDEO.name, every_s=settings.report_s)
        engine = await enter(open_drawing_engine(open_video_engine, settings, catalogue, reporting.publish))
        fingerprint_of = fingerprints(engine, catalogue, ("av",))

        files = AssetFiles(JobStorage(storage), settings.store_patience_s)
        handler = DrawingHandler(VideoGenerator(engine, files, folder), fingerprint_of, changed=reporting.changed)
        options = WorkerOptions(
            kind=VIDEO.name, worker_id=settings.worker_id, lease_s=settings.lease_s, grace_s=settings.job_grace_s
        )

        def capacity() -> Capacity:
            return Capacity(jobs=settings.slots, loaded=frozenset(reporting.ready_ids), accepts=model_ids)

        worker = Worker(plane.claims, plane.stream, plane.stream, handler, options, capacity)

        stack.push_async_callback(reporting.sign_off)
        await enter(
            process.background(
                *reporting.tasks(engine, fingerprint_of, lambda: handler.oldest),
                *engine_tasks(engine, settings, catalogue),
            )
        )
        await enter(process.stoppable(worker.run))
        yield await enter(run_server(settings, register=lambda _: None, verifier=TokenVerifier(jwks)))


def main() -> None:
    """Entry point of `atelier-video-worker`."""
    settings = read_settings(VideoWorkerSettings, SERVICE)
    run_service(settings, SERVICE, lambda: serve(settings, jwks_from(settings.auth_address)))


if __name__ == "__main__":
    main()
