"""Settings of services that run jobs, and of their workers; each adds its own in a subclass."""

import os
import socket
from typing import Any

from pydantic import Field, SecretStr, model_validator

from atelier_jobs.domain.store import Limits
from atelier_service.configuration import ConfigurationError
from atelier_service.settings import ServiceSettings, StreamSettings

_LEAST_SECRET = 16  # characters; atelier-auth takes no shorter secret


def database_url(default: Any = ...) -> Any:
    """Returns the field of that name, with a service's own default."""
    return Field(
        default=default,
        repr=False,  # it may hold a password
        description="SQLAlchemy URL, sqlite or postgresql+asyncpg; atelier-migrate makes the tables",
    )


def job_peers(default: str = "") -> Any:
    """Returns the field of that name, with a service's own default."""
    return Field(
        default=default,
        pattern=r"^([a-z0-9-]+=[^\s=,/]+:\d{1,5}(,[a-z0-9-]+=[^\s=,/]+:\d{1,5})*)?$",
        description="the services of other kinds of jobs, kind=host:port with commas between them; what lists or finds"
        " jobs and models of all kinds asks them",
    )


def plane_address(default: Any = ...) -> Any:
    """Returns the field of that name, with a worker's own default."""
    return Field(
        default=default,
        description="host:port of the API process of its kind of jobs, or of the gateway's listener for workers",
    )


class JobSettings(ServiceSettings):
    """Settings of the API process and of the worker. Read from the environment, `ATELIER_<FIELD>`; frozen."""

    service_secret: SecretStr = Field(
        default=SecretStr(""), description="this service's secret at atelier-auth, for its own token"
    )


class JobApiSettings(JobSettings, StreamSettings):
    """Settings of an API process."""

    job_peers: str = job_peers()
    database_url: str = database_url()
    nats_url: str = Field(default="nats://127.0.0.1:4222", description="URL of the NATS server")
    max_queued: int = Field(
        default=10_000, ge=1, le=1_000_000, description="jobs that may wait, of all owners; more are refused"
    )
    max_live_per_owner: int = Field(
        default=1_000, ge=1, le=1_000_000, description="unfinished jobs that one owner may have; more are refused"
    )
    max_attempts: int = Field(default=3, ge=1, le=10, description="faults of a job before it is FAILED")
    watch_heartbeat_s: float = Field(default=15.0, gt=0, le=60, description="seconds between heartbeats of a watch")
    queue_status_s: float = Field(default=5.0, gt=0, le=60, description="seconds between two counts of the queue")
    lease_hold_off_s: float = Field(
        default=15.0,
        ge=0,
        le=600,
        description="seconds after the start, and after a time without the database, in which no lease is reaped,"
        " so that workers can renew theirs; at least lease_s of the workers",
    )

    @property
    def peer_addresses(self) -> dict[str, str]:
        """`host:port` of the services of other kinds of jobs, by kind."""
        return dict(peer.split("=", 1) for peer in self.job_peers.split(",") if peer)

    @property
    def limits(self) -> Limits:
        """Limits of a submit."""
        return Limits(max_queued=self.max_queued, max_live_per_owner=self.max_live_per_owner)


class JobWorkerSettings(JobSettings):
    """Settings of a worker process. It needs one address and its secret."""

    plane_address: str = plane_address()
    auth_address: str = Field(default="", description="host:port of atelier-auth; empty: plane_address")
    worker_id: str = Field(
        default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}",
        pattern="^[A-Za-z0-9._-]{1,100}$",
        description="name of this worker, unique in the mesh",
    )
    slots: int = Field(
        default=2,
        ge=1,
        le=8,
        description="jobs held at once: one runs while the others are prepared or store their files",
    )
    lease_s: float = Field(
        default=15.0, ge=1, le=600, description="seconds without a renewal after which a job goes to another worker"
    )
    job_grace_s: float = Field(
        default=10.0,
        ge=0,
        le=3600,
        description="seconds that held jobs get to end at SIGTERM before they are released",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_address_is_enough(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Addresses that are left out are those of the plane."""
        plane = values.get("plane_address", cls.model_fields["plane_address"].default)
        others = {name: plane for name in ("auth_address", "storage_address") if name in cls.model_fields}
        return others | {name: value for name, value in values.items() if value or name not in others}

    def check(self) -> list[str]:
        """Without its secret a worker can call nothing."""
        if len(self.service_secret.get_secret_value()) < _LEAST_SECRET:
            raise ConfigurationError(
                f"ATELIER_SERVICE_SECRET: at least {_LEAST_SECRET} characters are needed, the secret that"
                " atelier-auth has for this worker"
            )
        return super().check()
