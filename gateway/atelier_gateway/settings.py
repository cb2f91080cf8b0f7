"""Settings of the gateway: addresses, origins, limits and timeouts."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from atelier_gateway.config import split_address
from atelier_service.configuration import ConfigurationError
from atelier_service.settings import ENDPOINT

FILES = Path(__file__).resolve().parent / "envoy"
"""Files that ship with this package: what Envoy reads besides its bootstrap."""

_ADDRESS = r"^[^\s/]+:\d{1,5}$"
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\s,]+", re.IGNORECASE)


def _binds_an_ip_address(value: str) -> str:
    """Envoy's listeners resolve no names."""
    try:
        host, port = split_address(value)
        ip_address(host)
    except ValueError:
        raise ValueError("should be an IP address and a port, such as 127.0.0.1:8080") from None
    if not 0 < port < 65536:
        raise ValueError("should have a port between 1 and 65535")
    return value


def _split(value: object) -> object:
    """Environment variables hold origins as text."""
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


def _is_an_origin(value: str) -> str:
    if not _ORIGIN.fullmatch(value):
        raise ValueError(f"{value!r} is no origin: it should look like https://app.example")
    return value


Listen = Annotated[str, AfterValidator(_binds_an_ip_address)]
OptionalListen = Annotated[str, AfterValidator(lambda value: value and _binds_an_ip_address(value))]
Upstream = Annotated[str, Field(pattern=_ADDRESS)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_is_an_origin)], ...], NoDecode, BeforeValidator(_split)]


class GatewaySettings(BaseSettings):
    """Read from the environment, `ATELIER_GATEWAY_<FIELD>`; frozen."""

    model_config = SettingsConfigDict(env_prefix="ATELIER_GATEWAY_", frozen=True, extra="ignore")

    listen: Listen = Field(
        default="127.0.0.1:8080", description="host:port of the public port: REST, gRPC, gRPC-Web, WebSocket"
    )
    internal_listen: Listen = Field(
        default="127.0.0.1:9902", description="host:port of /metrics for Prometheus, and of the JWKS for Envoy itself"
    )
    worker_listen: OptionalListen = Field(
        default="",
        description="host:port for workers on other hosts, over gRPC, which need no other address; empty: closed",
    )
    admin_port: int = Field(
        default=9901, ge=1, le=65535, description="port of Envoy's admin interface, always on 127.0.0.1"
    )

    auth_address: Upstream = Field(description="host:port of atelier-auth")
    storage_address: Upstream = Field(description="host:port of atelier-storage")
    image_address: Upstream = Field(description="host:port of atelier-image")
    video_address: Upstream = Field(description="host:port of atelier-video")
    workflow_address: Upstream = Field(description="host:port of atelier-workflow")
    events_address: Upstream = Field(description="host:port of atelier-events")
    websocket_address: Upstream = Field(description="host:port of atelier-events for WebSockets")
    otlp_endpoint: str = Field(
        default="", pattern=ENDPOINT, description="host:port that takes OTLP over gRPC; empty sends nothing"
    )

    folder: Path = Field(default=FILES, description="folder of the descriptor set, Lua scripts and pages")
    access_log: Path = Field(default=Path("/dev/stdout"), description="file that gets one JSON object per request")
    cors_origins: Origins = Field(
        default=(), description="origins, separated by commas, whose pages may call; * for all"
    )

    requests_per_s: int = Field(default=50, ge=1, description="requests per second of each caller in the long run")
    request_burst: int = Field(default=100, ge=1, description="requests that a caller may make at once")
    max_callers: int = Field(default=10_000, ge=1, description="callers whose rate is remembered at a time")
    max_connections: int = Field(default=10_000, ge=1, description="open connections; more are refused")
    max_streams: int = Field(
        default=10_000, ge=1, description="watchers, downloads and uploads open at a time, per service"
    )
    max_json_bytes: int = Field(default=1 << 20, ge=1, description="bytes of the largest JSON body of a request")
    max_graph_bytes: int = Field(
        default=5 << 20, ge=1, description="bytes of the largest JSON body of a request with a graph"
    )
    max_response_bytes: int = Field(
        default=16 << 20, ge=1, description="bytes of the largest JSON response, and of the largest part of a stream"
    )
    max_upload_bytes: int = Field(
        default=200 << 20,
        ge=1,
        # Storage reads a file that is somewhat too large to its end: HTTP/1.1 clients that are still sending lose an
        # early response.
        description="an upload whose Content-Length is larger is refused at once; keep it above the limit of storage",
    )

    call_timeout_s: float = Field(default=15, gt=0, description="seconds until a call that waits for nothing ends")
    submit_timeout_s: float = Field(
        default=75, gt=0, description="seconds until a submit ends; longer than the 60 s of Prefer: wait=60"
    )
    idle_timeout_s: float = Field(
        default=90, gt=0, description="seconds until a silent stream is closed; services send a heartbeat every 15 s"
    )
    download_timeout_s: float = Field(
        default=1800, gt=0, description="seconds of the longest download: a slow reader holds a slot and buffers"
    )
    jwks_cache_s: float = Field(
        default=60,
        gt=0,
        description="seconds until signing keys are fetched again; a key must be published this long before it signs",
    )
    drain_s: float = Field(default=5, gt=0, description="seconds in which open connections are drained at shutdown")

    @property
    def port(self) -> int:
        """The public port."""
        return split_address(self.listen)[1]

    @property
    def internal_port(self) -> int:
        """The port of metrics."""
        return split_address(self.internal_listen)[1]

    @property
    def descriptor_set(self) -> Path:
        """The contracts, compiled: a serialized `google.protobuf.FileDescriptorSet`."""
        return self.folder / "atelier.binpb"

    @property
    def openapi(self) -> Path:
        """The document at /api/v1/openapi.json."""
        return self.folder / "openapi.json"

    def check(self) -> list[str]:
        """Checks what the settings name besides values. Returns warnings: there are none.

        Raises:
            ConfigurationError: The folder does not hold what Envoy reads.
        """
        for path in (self.descriptor_set, self.openapi):
            if not path.is_file():
                raise ConfigurationError(f"ATELIER_GATEWAY_FOLDER={self.folder}: there is no {path.name}")
        return []
