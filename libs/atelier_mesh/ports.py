"""Which port is whose: all follow from the gateway's."""

import errno
import socket
from dataclasses import dataclass, fields

NEXT_WORKER = 4
"""How far a worker's ports lie from those of the worker before it, of its own kind."""


class PortInUseError(Exception):
    """A port that the mesh needs is taken."""

    def __init__(self, name: str, port: int) -> None:
        super().__init__(f"port {port} ({name}) is in use; ATELIER_PORT=<another> moves all ports of the mesh at once")


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports of one mesh. Only `gateway` is meant for others."""

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
    image_worker: int
    image_worker_metrics: int
    video_worker: int
    video_worker_metrics: int
    """The first workers'. Kinds take turns, so that a worker's ports do not depend on how many there are of the other
    kind: the next one of either kind lies `NEXT_WORKER` further on."""

    @classmethod
    def following(cls, gateway: int) -> "Ports":
        """The gateway's port, and the ones after it."""
        return cls(*range(gateway, gateway + len(fields(cls))))

    def ensure_free(self, host: str) -> None:
        """Raises PortInUseError for the first port that cannot be bound."""
        for field in fields(self):
            port: int = getattr(self, field.name)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host if field.name == "gateway" else "127.0.0.1", port))
                except OSError as error:
                    if error.errno != errno.EADDRINUSE:
                        raise
                    raise PortInUseError(field.name, port) from None
