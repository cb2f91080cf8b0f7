"""Settings of atelier-image and of atelier-image-worker."""

from typing import ClassVar

from pydantic import Field

from atelier_diffusion.policy.model_card import ModelKind
from atelier_drawing.settings import DrawingSettings, DrawingWorkerSettings
from atelier_jobs.settings import JobApiSettings, database_url, job_peers, plane_address


class ImageSettings(DrawingSettings, JobApiSettings):
    """Settings of the API process."""

    kind: ClassVar[ModelKind] = "image"
    listen: str = Field(default="127.0.0.1:8103", description="host:port of the gRPC server; port 0 takes a free one")
    database_url: str = database_url("sqlite:///var/image.db")
    job_peers: str = job_peers("video=127.0.0.1:8105")


class ImageWorkerSettings(DrawingWorkerSettings):
    """Settings of the worker process."""

    kind: ClassVar[ModelKind] = "image"
    plane_address: str = plane_address("127.0.0.1:8103")
