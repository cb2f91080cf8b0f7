"""Settings that are wrong are refused at the start; secrets show nowhere."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from atelier_auth.domain.api_key import KeyText
from atelier_auth.settings import AuthSettings


def test_secrets_and_the_database_url_are_in_no_repr() -> None:
    key = KeyText.mint().text
    settings = AuthSettings(
        bootstrap_api_key=SecretStr(key),
        service_secret=SecretStr("s" * 20),
        service_secrets={"atelier-image": SecretStr("t" * 20)},
        database_url="postgresql+asyncpg://auth:hunter2@db/auth",
    )
    for secret in (key, "s" * 20, "t" * 20, "hunter2"):
        assert secret not in repr(settings)


SECRETS = [
    ("bootstrap_api_key", "hunter2-no-key"),
    ("bootstrap_api_key", "atl_x_hunter2"),
    ("service_secret", "hunter2"),
    ("service_secrets", '{"atelier-image": "hunter2"}'),
    ("signing_key_secret", "hunter2, too short"),
]


def settings_from(folder: Path, name: str, value: str) -> AuthSettings:
    """Settings read from a file of environment variables."""
    file = folder / "auth.env"
    file.write_text(f"ATELIER_{name.upper()}='{value}'\n")

    class FromFile(AuthSettings):
        """The same, from the file."""

        model_config = SettingsConfigDict(env_file=file)

    return FromFile()


@pytest.mark.parametrize(("name", "value"), [*SECRETS, ("token_lifetime_s", "86400"), ("bootstrap_user", "../etc")])
def test_a_setting_that_is_wrong_is_named(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=name):
        settings_from(tmp_path, name, value)


@pytest.mark.parametrize(("name", "value"), SECRETS)
def test_a_secret_that_is_wrong_is_not_shown(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError) as raised:
        settings_from(tmp_path, name, value)
    assert "hunter2" not in str(raised.value)


def test_the_mapping_of_secrets_is_read_as_json(tmp_path: Path) -> None:
    settings = settings_from(tmp_path, "service_secrets", '{"atelier-image": "0123456789abcdef"}')
    assert settings.service_secrets["atelier-image"].get_secret_value() == "0123456789abcdef"


def test_an_empty_bootstrap_key_means_none(tmp_path: Path) -> None:
    assert settings_from(tmp_path, "bootstrap_api_key", "").bootstrap_api_key is None
