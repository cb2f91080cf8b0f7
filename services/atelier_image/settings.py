"""Settings of atelier-image and of atelier-image-worker."""

from pydantic import Field

from atelier_generation.settings import GenerationApiSettings, GenerationWorkerSettings, database_url

_DATABASE_URL = database_url("sqlite:///var/image.db")


class ImageSettings(GenerationApiSettings):
    """Settings of the API process."""

    listen: str = Field(default="127.0.0.1:8103", description="host:port of the gRPC server; port 0 takes a free one")
    database_url: str = _DATABASE_URL


class ImageWorkerSettings(GenerationWorkerSettings):
    """Settings of the worker process."""

    database_url: str = _DATABASE_URL
