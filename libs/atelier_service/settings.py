"""Settings that every service has; each service adds its own in a subclass, and only its `main` reads them."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

ENDPOINT = r"^((https?://)?[^\s/]+:\d{1,5}/?)?$"
"""`host:port`, with or without a scheme, or nothing."""


class ServiceSettings(BaseSettings):
    """Read from the environment, `ATELIER_<FIELD>`; frozen. A rejected value is not shown: it may be a secret."""

    model_config = SettingsConfigDict(env_prefix="ATELIER_", frozen=True, extra="ignore", hide_input_in_errors=True)

    listen: str = Field(default="127.0.0.1:0", description="host:port of the gRPC server; port 0 takes a free one")
    metrics_port: int = Field(default=0, ge=0, le=65535, description="port of /metrics on loopback; 0 for none")
    metrics_host: str = Field(default="127.0.0.1", description="address that /metrics binds")
    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="least level that is logged"
    )
    otlp_endpoint: str = Field(
        default="", pattern=ENDPOINT, description="host:port that takes OTLP over gRPC; empty sends nothing"
    )
    auth_address: str = Field(default="127.0.0.1:8101", description="host:port of atelier-auth")
    drain_s: float = Field(
        default=0.0,
        ge=0,
        le=60,
        description="seconds between saying NOT_SERVING and refusing calls on SIGTERM",
    )
    shutdown_grace_s: float = Field(default=5.0, ge=0, le=300, description="seconds that running calls get to end")

    def check(self) -> list[str]:
        """Checks what the settings refer to, such as files. Returns warnings.

        Raises ConfigurationError when the process cannot run with it.
        """
        return []


class StreamSettings(ServiceSettings):
    """Settings of a service that streams events."""

    max_streams_per_caller: int = Field(
        default=1_000, ge=1, le=100_000, description="streams of events that one caller may have open at this process"
    )
    watch_rate_per_s: float = Field(
        default=500.0,
        ge=1,
        le=100_000,
        description="steps that this process sends per second, to all who watch together; a preview counts as ten",
    )
