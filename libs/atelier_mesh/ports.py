"""The TCP ports of a mesh: all follow from the gateway's."""

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass, fields

from atelier_service.configuration import ConfigurationError

NEXT_WORKER = 4
"""Distance of a worker's ports from those of the previous worker of its kind."""


class PortInUseError(Exception):
    """A port that the mesh needs is taken."""

    def __init__(self, name: str, port: int) -> None:
        super().__init__(f"port {port} ({name}) is in use; ATELIER_PORT=<another> moves all ports of the mesh at once")


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports of one mesh. Only `gateway` is for clients."""

    gateway: int
    gateway_admin: int
    gateway_metrics: int
    auth: int
    storage: int
    image: int
    video: int
    events: int
    websocket: int
    nats: int
    nats_monitor: int
    s3: int
    s3_grpc: int
    s3_master: int
    s3_master_grpc: int
    s3_volume: int
    s3_volume_grpc: int
    s3_filer: int
    s3_filer_grpc: int
    s3_admin: int
    s3_admin_grpc: int
    auth_metrics: int
    storage_metrics: int
    image_metrics: int
    video_metrics: int
    events_metrics: int
    workflow: int
    workflow_metrics: int
    workflow_worker: int
    workflow_worker_metrics: int
    image_worker: int
    image_worker_metrics: int
    video_worker: int
    video_worker_metrics: int
    """Ports of the first workers. Kinds alternate, so that a worker's ports do not depend on the number of workers of
    the other kind: the next one of either kind has those `NEXT_WORKER` higher."""

    @classmethod
    def following(cls, gateway: int) -> "Ports":
        """Returns the gateway's port and the ones after it."""
        return cls(*range(gateway, gateway + len(fields(cls))))

    def ensure_free(self, host: str, *, image_workers: int = 1, video_workers: int = 1) -> None:
        """Checks that every port can be bound.

        Raises:
            PortInUseError: A port is taken; names the first one.
            ConfigurationError: `host` is not an address of this machine.
        """
        for name, port in self._all(image_workers, video_workers):
            at = host if name == "gateway" else "127.0.0.1"
            with socket.socket(socket.AF_INET6 if ":" in at else socket.AF_INET) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((at, port))
                except OSError as error:
                    if error.errno == errno.EADDRINUSE:
                        raise PortInUseError(name, port) from None
                    raise ConfigurationError(f"{at}:{port} ({name}) cannot be bound: {error.strerror}") from None

    def _all(self, image_workers: int, video_workers: int) -> Iterator[tuple[str, int]]:
        for field in fields(self):
            yield field.name, getattr(self, field.name)
        for kind, workers in (("image", image_workers), ("video", video_workers)):
            for k in range(1, workers):
                for name in (f"{kind}_worker", f"{kind}_worker_metrics"):
                    yield f"{name} {k + 1}", getattr(self, name) + NEXT_WORKER * k
