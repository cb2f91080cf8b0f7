"""Everything about the gateway that an operator can change."""

from dataclasses import dataclass
from pathlib import Path

FILES = Path(__file__).resolve().parent / "envoy"
"""Files that ship with this package: what Envoy reads besides its bootstrap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """Ports, upstream addresses and limits. Addresses are `host:port`; the defaults bind loopback only."""

    folder: Path = FILES
    """Folder that holds atelier.binpb, openapi.json, pages and the Lua scripts."""
    access_log: Path = Path("/dev/stdout")
    """File that gets one JSON object per request."""

    auth: str
    """gRPC address of atelier-auth."""
    storage: str
    """gRPC address of atelier-storage."""
    image: str
    """gRPC address of atelier-image."""
    video: str
    """gRPC address of atelier-video."""
    events: str
    """gRPC address of atelier-events."""
    events_http: str
    """HTTP address of atelier-events, where WebSockets arrive."""
    otlp_endpoint: str = ""
    """Where spans go (OTLP over gRPC), `host:port` or `http://host:port`; empty for nowhere."""

    host: str = "127.0.0.1"
    """Address that the public port binds."""
    port: int = 8080
    """The public port: REST, gRPC, gRPC-Web, WebSocket."""
    internal_host: str = "127.0.0.1"
    """Address that the internal port binds."""
    internal_port: int = 9902
    """`/metrics` for Prometheus, and the JWKS for Envoy itself."""
    admin_port: int = 9901
    """Envoy's admin interface, always on 127.0.0.1."""

    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may call, such as `https://app.example`; `*` for every origin."""
    requests_per_s: int = 50
    """Requests per second that each caller may make in the long run."""
    request_burst: int = 100
    """Requests that a caller may make at once after a pause."""
    max_callers: int = 10_000
    """Callers whose rate is remembered at a time."""
    max_connections: int = 10_000
    """Open connections; more are refused."""
    max_streams: int = 10_000
    """Watchers, downloads and uploads open at a time, per service."""
    max_json_bytes: int = 1 << 20
    """Largest JSON body of a request."""
    max_answer_bytes: int = 16 << 20
    """Largest JSON answer, and largest piece of a streamed one."""
    max_upload_bytes: int = 200 << 20
    """An upload that says that it is larger is refused at once. Keep it above the limit of storage, which reads a file
    that is somewhat too large to its end: HTTP/1.1 clients that are still sending lose an early answer."""

    call_timeout_s: float = 15
    """Longest wait for an answer that waits for nothing."""
    submit_timeout_s: float = 75
    """Longest wait for the answer to a submit: `Prefer: wait=60` and some."""
    idle_timeout_s: float = 90
    """A stream that is silent for this long is closed; services send a heartbeat every 15 s."""
    download_timeout_s: float = 1800
    """Longest download: a reader may be slow, and holds a slot and buffers meanwhile."""
    jwks_cache_s: float = 60
    """Seconds until the signing keys are fetched again: a new key must be published this long before it signs."""
    drain_s: float = 5
    """Seconds in which open connections are asked to finish at shutdown."""

    @property
    def descriptor_set(self) -> Path:
        """The contracts, compiled."""
        return self.folder / "atelier.binpb"

    @property
    def openapi(self) -> Path:
        """The document at /api/v1/openapi.json."""
        return self.folder / "openapi.json"

    @property
    def credentials_lua(self) -> Path:
        """The script that brings credentials to where they are looked for."""
        return self.folder / "credentials.lua"

    @property
    def lua(self) -> Path:
        """The script that makes REST answers of gRPC answers."""
        return self.folder / "rest.lua"

    @property
    def cors_lua(self) -> Path:
        """The script that says which pages may read an answer."""
        return self.folder / "cors.lua"

    @property
    def headers_lua(self) -> Path:
        """The script that says which headers of a request go on."""
        return self.folder / "headers.lua"

    @property
    def head_lua(self) -> Path:
        """The script that makes GET of HEAD."""
        return self.folder / "head.lua"
