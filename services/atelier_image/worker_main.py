"""atelier-image-worker: what it is made of, and how it starts. It brings no torch: another process draws for it."""

from contextlib import AbstractAsyncContextManager

from atelier_diffusion.torch_backend.local_engine import open_engine
from atelier_drawing.worker.serving import RunningWorker, serve_worker
from atelier_image.domain.kind import IMAGE
from atelier_image.image_messages import content_paths
from atelier_image.settings import ImageWorkerSettings
from atelier_image.worker.image_generator import ImageGenerator
from atelier_jobs.events.factory import EventFactory
from atelier_service.credentials import jwks_from
from atelier_service.identity import JwksSource
from atelier_service.service import read_settings, run_service

SERVICE = "atelier-image-worker"


def serve(settings: ImageWorkerSettings, jwks: JwksSource) -> AbstractAsyncContextManager[RunningWorker]:
    """See `serve_worker`. Raises also ConfigurationError."""
    return serve_worker(
        IMAGE,
        SERVICE,
        settings,
        settings.catalogue(),
        jwks,
        opens=open_engine,
        events=EventFactory(content_paths),
        generator=ImageGenerator,
    )


def main() -> None:
    """Entry point of `atelier-image-worker`."""
    settings = read_settings(ImageWorkerSettings, SERVICE)
    run_service(settings, SERVICE, lambda: serve(settings, jwks_from(settings.auth_address)))


if __name__ == "__main__":
    main()
