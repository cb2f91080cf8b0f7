"""Settings of a worker: its secret, and the one address that is enough."""

import pytest
from pydantic import SecretStr

from atelier_jobs.settings import JobWorkerSettings
from atelier_service.configuration import ConfigurationError


@pytest.mark.parametrize("secret", ["", "fifteen letters"])
def test_a_worker_does_not_start_without_a_secret_that_auth_could_take(secret: str) -> None:
    settings = JobWorkerSettings(plane_address="gateway:8443", service_secret=SecretStr(secret))

    with pytest.raises(ConfigurationError, match=r"^ATELIER_SERVICE_SECRET: at least 16 characters are needed"):
        settings.check()


def test_a_worker_with_one_address_and_a_secret_suits() -> None:
    settings = JobWorkerSettings(plane_address="gateway:8443", service_secret=SecretStr("sixteen letters!"))

    assert settings.check() == []
    assert settings.auth_address == "gateway:8443"
