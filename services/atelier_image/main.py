"""atelier-image: what it is made of, and how it starts. It brings no torch."""

from contextlib import AbstractAsyncContextManager

import grpc.aio

from atelier.image.v1 import image_pb2_grpc
from atelier_drawing.api.serving import Parts, serve_api
from atelier_image.domain.kind import IMAGE
from atelier_image.domain.parameters import AskedImage, resolve
from atelier_image.image_messages import content_paths, image_path
from atelier_image.model_servicer import ModelServicer
from atelier_image.servicer import ImageServicer
from atelier_image.settings import ImageSettings
from atelier_image.stream_servicer import ImageStreamServicer
from atelier_jobs.events.factory import EventFactory
from atelier_service.credentials import jwks_from
from atelier_service.identity import JwksSource
from atelier_service.server import RunningServer
from atelier_service.service import read_settings, run_service

SERVICE = "atelier-image"


def serve(settings: ImageSettings, jwks: JwksSource) -> AbstractAsyncContextManager[RunningServer]:
    """See `serve_api`. Raises also ConfigurationError."""
    return serve_api(
        IMAGE,
        SERVICE,
        settings,
        settings.catalogue(),
        jwks,
        resolve=resolve,
        path_of=image_path,
        events=EventFactory(content_paths),
        register=_register,
    )


def _register(parts: Parts[AskedImage], server: grpc.aio.Server) -> None:
    image_pb2_grpc.add_ImageServiceServicer_to_server(ImageServicer(parts), server)
    image_pb2_grpc.add_ImageStreamServiceServicer_to_server(ImageStreamServicer(parts.streams), server)
    image_pb2_grpc.add_ModelServiceServicer_to_server(ModelServicer(parts.models), server)


def main() -> None:
    """Entry point of `atelier-image`."""
    settings = read_settings(ImageSettings, SERVICE)
    run_service(settings, SERVICE, lambda: serve(settings, jwks_from(settings.auth_address)))


if __name__ == "__main__":
    main()
