"""atelier-video-worker: what it is made of, and how it starts. It brings no torch: another process draws for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from atelier_diffusion.torch_backend.local_engine import open_video_engine
from atelier_drawing.worker.serving import RunningWorker, serve_worker
from atelier_jobs.events.factory import EventFactory
from atelier_service.credentials import jwks_from
from atelier_service.identity import JwksSource
from atelier_service.service import read_settings, run_service
from atelier_video.domain.kind import VIDEO
from atelier_video.settings import VideoWorkerSettings
from atelier_video.video_messages import content_paths, progress_of
from atelier_video.worker.scratch import scratch_folder
from atelier_video.worker.video_generator import VideoGenerator

SERVICE = "atelier-video-worker"


@asynccontextmanager
async def serve(settings: VideoWorkerSettings, jwks: JwksSource) -> AsyncIterator[RunningWorker]:
    """See `serve_worker`. Raises also ConfigurationError, and OSError when there is no room for clips."""
    with scratch_folder(settings.scratch_dir) as folder:
        async with serve_worker(
            VIDEO,
            SERVICE,
            settings,
            settings.catalogue(),
            jwks,
            opens=open_video_engine,
            events=EventFactory(content_paths, progress_of),
            generator=lambda engine, files: VideoGenerator(engine, files, folder),
            libraries=("av",),
        ) as worker:
            yield worker


def main() -> None:
    """Entry point of `atelier-video-worker`."""
    settings = read_settings(VideoWorkerSettings, SERVICE)
    run_service(settings, SERVICE, lambda: serve(settings, jwks_from(settings.auth_address)))


if __name__ == "__main__":
    main()
