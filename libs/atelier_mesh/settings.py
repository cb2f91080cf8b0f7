"""Settings of the launcher."""

from ipaddress import ip_address
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from atelier_gateway.settings import Origins
from atelier_service.settings import ENDPOINT


class MeshSettings(BaseSettings):
    """Read from the environment, `ATELIER_<FIELD>`; frozen. `ATELIER_PORT` moves all ports at once."""

    model_config = SettingsConfigDict(env_prefix="ATELIER_", frozen=True, extra="ignore")

    host: str = Field(default="127.0.0.1", description="IP address that the gateway binds; all else stays on loopback")
    port: int = Field(default=8080, ge=1024, le=65000, description="the gateway's port; the others follow it")
    state_dir: Path = Field(default=Path("var"), description="folder of everything that is kept")
    project_dir: Path = Field(default=Path(__file__).resolve().parents[2], description="folder that holds models/")
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$", description="least level logged")
    otlp_endpoint: str = Field(
        default="", pattern=ENDPOINT, description="host:port that takes OTLP over gRPC; empty sends nothing"
    )
    cors_origins: Origins = Field(
        default=(), description="origins, separated by commas, whose pages may call; * for all"
    )
    image_workers: int = Field(default=1, ge=1, le=8, description="processes that make images; each needs the memory")
    video_workers: int = Field(
        default=1, ge=0, le=8, description="processes that make videos; with 0 videos are accepted, and wait"
    )
    requests_per_s: int = Field(default=50, ge=1, description="requests per second of each caller in the long run")
    request_burst: int = Field(default=100, ge=1, description="requests that a caller may make at once")
    ready_timeout_s: float = Field(default=120.0, gt=0, description="seconds that the mesh gets to become ready")
    first_picture: bool = Field(default=True, description="make a first picture when everything is up")

    @field_validator("host")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        """The gateway resolves no names."""
        try:
            return str(ip_address(value.strip("[]")))
        except ValueError:
            raise ValueError("should be an IP address, such as 127.0.0.1 or 0.0.0.0") from None

    @field_validator("project_dir")
    @classmethod
    def _holds_the_project(cls, value: Path) -> Path:
        if not (value / "models/catalogue.yaml").exists():
            raise ValueError("should hold models/catalogue.yaml; run from a checkout of Atelier, or name one")
        return value.resolve()
