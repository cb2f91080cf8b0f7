"""atelier-video: what it is made of, and how it starts. It brings no torch."""

from contextlib import AbstractAsyncContextManager

import grpc.aio

from atelier.video.v1 import video_pb2_grpc
from atelier_drawing.api.serving import Parts, serve_api
from atelier_jobs.events.factory import EventFactory
from atelier_service.credentials import jwks_from
from atelier_service.identity import JwksSource
from atelier_service.server import RunningServer
from atelier_service.service import read_settings, run_service
from atelier_video.domain.kind import VIDEO
from atelier_video.domain.parameters import AskedVideo, resolve
from atelier_video.model_servicer import VideoModelServicer
from atelier_video.servicer import VideoServicer
from atelier_video.settings import VideoSettings
from atelier_video.stream_servicer import VideoStreamServicer
from atelier_video.video_messages import content_paths, progress_of, video_path

SERVICE = "atelier-video"


def serve(settings: VideoSettings, jwks: JwksSource) -> AbstractAsyncContextManager[RunningServer]:
    """See `serve_api`. Raises also ConfigurationError."""
    return serve_api(
        VIDEO,
        SERVICE,
        settings,
        settings.catalogue(),
        jwks,
        resolve=resolve,
        path_of=video_path,
        events=EventFactory(content_paths, progress_of),
        register=_register,
    )


def _register(parts: Parts[AskedVideo], server: grpc.aio.Server) -> None:
    video_pb2_grpc.add_VideoServiceServicer_to_server(VideoServicer(parts), server)
    video_pb2_grpc.add_VideoStreamServiceServicer_to_server(VideoStreamServicer(parts.streams), server)
    video_pb2_grpc.add_VideoModelServiceServicer_to_server(VideoModelServicer(parts.models), server)


def main() -> None:
    """Entry point of `atelier-video`."""
    settings = read_settings(VideoSettings, SERVICE)
    run_service(settings, SERVICE, lambda: serve(settings, jwks_from(settings.auth_address)))


if __name__ == "__main__":
    main()
