"""Settings of atelier-storage."""

import tempfile
from pathlib import Path

from pydantic import Field, SecretStr

from atelier_service.settings import ServiceSettings


class StorageSettings(ServiceSettings):
    """Read from the environment, `ATELIER_<FIELD>`; frozen."""

    listen: str = Field(default="127.0.0.1:8102", description="host:port of the gRPC server; port 0 takes a free one")
    database_url: str = Field(
        default="sqlite:///var/storage.db",
        description="SQLAlchemy URL, sqlite or postgresql+asyncpg",
    )
    s3_endpoint: str = Field(default="127.0.0.1:8333", description="host:port of the S3 server")
    s3_access_key: str = Field(default="", description="S3 access key id")
    s3_secret_key: SecretStr = Field(default=SecretStr(""), description="S3 secret access key")
    s3_bucket: str = Field(
        default="atelier", pattern="^[a-z0-9][a-z0-9-]{2,62}$", description="bucket for blobs; made when missing"
    )
    s3_region: str = Field(default="us-east-1", description="region that requests are signed for")
    s3_secure: bool = Field(default=False, description="whether S3 speaks TLS")
    s3_timeout_s: float = Field(default=10.0, gt=0, le=300, description="seconds that S3 may take to go on")
    max_upload_bytes: int = Field(default=100 * 2**20, ge=1, le=5 * 2**30, description="largest upload, bytes")
    max_pixels: int = Field(
        default=64 * 2**20,
        ge=1,
        description="most pixels of an upload: width × height × frames (a video, and what a job made: one frame)",
    )
    max_uploads: int = Field(
        default=32, ge=1, le=4096, description="uploads of callers under way at once; more are refused"
    )
    max_uploads_per_owner: int = Field(
        default=8, ge=1, le=4096, description="uploads that one caller may have under way; more are refused"
    )
    max_result_uploads: int = Field(
        default=64,
        ge=1,
        le=4096,
        description="uploads of the mesh's own services under way at once, besides those of callers",
    )
    max_downloads: int = Field(
        default=1024, ge=1, le=65536, description="downloads of callers under way at once; more are refused"
    )
    max_downloads_per_owner: int = Field(
        default=64, ge=1, le=4096, description="downloads that one caller may have under way; more are refused"
    )
    upload_idle_s: float = Field(default=30.0, gt=0, le=3600, description="seconds an upload may pause at a time")
    upload_min_bytes_per_s: int = Field(
        default=8192, ge=1, le=2**30, description="bytes a second that an upload sends at least, averaged over a pause"
    )
    upload_timeout_s: float = Field(default=1800.0, gt=0, le=86400, description="seconds an upload may take in all")
    spool_dir: Path = Field(
        default=Path(tempfile.gettempdir()),
        description="folder for uploads under way; on a disk, not in memory, with room for max_uploads and"
        " max_result_uploads files of max_upload_bytes",
    )
    sweep_interval_s: float = Field(default=3600.0, gt=0, description="seconds between sweeps for blobs without a row")
    sweep_min_age_s: float = Field(default=3600.0, ge=0, description="seconds that a blob without a row is left alone")
