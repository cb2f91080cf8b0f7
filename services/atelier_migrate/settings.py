"""Settings of atelier-migrate."""

from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from atelier_service.configuration import ConfigurationError


def _url(service: str) -> Any:
    return Field(
        default=f"sqlite:///var/{service}.db",
        min_length=1,
        repr=False,  # it may hold a password
        description=f"SQLAlchemy URL of the database that atelier-{service} uses, sqlite or postgresql+asyncpg",
    )


class MigrateSettings(BaseSettings):
    """Read from the environment, `ATELIER_<FIELD>`; frozen. A rejected value is not shown: it may hold a password."""

    model_config = SettingsConfigDict(env_prefix="ATELIER_", frozen=True, extra="ignore", hide_input_in_errors=True)

    auth_database_url: str = _url("auth")
    storage_database_url: str = _url("storage")
    image_database_url: str = _url("image")
    video_database_url: str = _url("video")
    workflow_database_url: str = _url("workflow")

    def check(self) -> list[str]:
        """Reads the URLs. Returns what is worth a warning, which is nothing. Raises ConfigurationError."""
        for name in type(self).model_fields:
            try:
                make_url(getattr(self, name))
            except ArgumentError:
                raise ConfigurationError(f"ATELIER_{name.upper()} is not an SQLAlchemy URL") from None
        return []
