"""Settings of atelier-video and of atelier-video-worker."""

import tempfile
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from atelier_diffusion.policy.model_card import ModelKind
from atelier_drawing.settings import DrawingSettings, DrawingWorkerSettings
from atelier_jobs.settings import JobApiSettings, database_url, job_peers, plane_address


class VideoSettings(DrawingSettings, JobApiSettings):
    """Settings of the API process."""

    kind: ClassVar[ModelKind] = "video"
    listen: str = Field(default="127.0.0.1:8105", description="host:port of the gRPC server; port 0 takes a free one")
    database_url: str = database_url("sqlite:///var/video.db")
    job_peers: str = job_peers("image=127.0.0.1:8103")


class VideoWorkerSettings(DrawingWorkerSettings):
    """Settings of the worker process."""

    kind: ClassVar[ModelKind] = "video"
    plane_address: str = plane_address("127.0.0.1:8105")
    scratch_dir: Path = Field(
        default_factory=lambda: Path(tempfile.gettempdir()),
        description="folder in which clips grow; what a killed worker leaves there goes when the next one starts",
    )
