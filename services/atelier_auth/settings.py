"""Settings of atelier-auth."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from atelier_auth.domain.api_key import KeyText
from atelier_service.settings import ServiceSettings

_MIN_SECRET = 16


class AuthSettings(ServiceSettings):
    """Read from the environment, `ATELIER_<FIELD>`."""

    # Most of what can be wrong here is a secret: an error names the field and never shows the value.
    model_config = SettingsConfigDict(hide_input_in_errors=True)

    listen: str = Field(default="127.0.0.1:8101", description="host:port of the gRPC server; port 0 takes a free one")
    database_url: str = Field(
        default="sqlite:///var/auth.db",
        repr=False,  # it may hold a password
        description="SQLAlchemy URL, sqlite or postgresql+asyncpg; atelier-migrate makes the tables",
    )
    bootstrap_api_key: SecretStr | None = Field(
        default=None,
        description="administrator's key (atl_<id>_<secret>) that is made to exist at start; changing it revokes none",
    )
    bootstrap_user: str = Field(
        default="dev", pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$", description="whose key the bootstrap key is"
    )
    service_secret: SecretStr = Field(
        default=SecretStr(""),
        description="secret that the services of the mesh share, at least 16 characters; empty: only service_secrets",
    )
    service_secrets: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="JSON object: service name to its own secret, which then replaces the shared one",
    )
    job_services: tuple[str, ...] = Field(
        default=("atelier-image", "atelier-video", "atelier-workflow"),
        description="JSON list: names of the services that serve jobs, which alone get tokens on behalf of users",
    )
    worker_services: tuple[str, ...] = Field(
        default=("atelier-image-worker", "atelier-video-worker", "atelier-workflow-worker"),
        description="JSON list: names of the workers, whose token opens what is for workers and nothing else; give each"
        " a secret of its own in service_secrets",
    )
    token_lifetime_s: int = Field(default=300, ge=60, le=900, description="seconds that a token lives")
    signed_url_lifetime_s: int = Field(
        default=900,
        ge=60,
        le=3600,
        description="seconds that a signed URL lives at least, where the request names none",
    )
    token_reserve_s: int = Field(
        default=60, ge=5, le=300, description="seconds of life that a token handed to a request has at least"
    )
    key_recheck_s: float = Field(
        default=5.0,
        ge=0,
        le=300,
        description="seconds after which a known key is looked up again, and so the longest that a key which another "
        "replica revoked works here",
    )
    revocation_check_s: float = Field(
        default=1.0, gt=0, le=60, description="seconds between looks for keys that another replica revoked"
    )
    key_cache_size: int = Field(
        default=10_000, ge=1, le=1_000_000, description="API keys whose tokens are held in memory"
    )
    last_use_collect_s: float = Field(
        default=5.0, gt=0, le=60, description="seconds for which uses of keys are collected into one write"
    )
    signing_key_max_age_s: int = Field(
        default=30 * 86_400, ge=3_600, description="age in seconds at which a signing key gets a successor"
    )
    signing_key_publish_ahead_s: int = Field(
        default=600,
        ge=60,
        le=86_400,
        description="seconds that a new signing key is published before it signs: longer than verifiers keep the set",
    )
    signing_key_secret: SecretStr = Field(
        default=SecretStr(""),
        description="seals the private signing keys in the database, at least 32 characters; empty stores them plain",
    )

    @field_validator("bootstrap_api_key")
    @classmethod
    def _is_a_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        if KeyText.parse(value.get_secret_value()) is None:
            raise ValueError("not of the form atl_<8 to 32 of a-z0-9>_<32 to 128 of A-Za-z0-9_->")
        return value

    @field_validator("service_secret")
    @classmethod
    def _is_long_enough(cls, value: SecretStr) -> SecretStr:
        if value and len(value.get_secret_value()) < _MIN_SECRET:
            raise ValueError(f"shorter than {_MIN_SECRET} characters")
        return value

    @field_validator("service_secrets")
    @classmethod
    def _are_long_enough(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, secret in value.items():
            if len(secret.get_secret_value()) < _MIN_SECRET:
                raise ValueError(f"{name}: shorter than {_MIN_SECRET} characters")
        return value

    @field_validator("signing_key_secret")
    @classmethod
    def _is_strong_enough(cls, value: SecretStr) -> SecretStr:
        if value and len(value.get_secret_value()) < 32:
            raise ValueError("shorter than 32 characters")
        return value
