"""What is rendered is what Envoy takes."""

import json
import subprocess
from pathlib import Path

import pytest

from atelier_gateway.bootstrap import render
from atelier_gateway.clusters import CLUSTER_OF
from atelier_gateway.contract import read_methods
from atelier_gateway.envoy_process import envoy_executable
from atelier_gateway.settings import GatewaySettings

SETTINGS = GatewaySettings(
    auth_address="127.0.0.1:1", storage_address="127.0.0.1:2", image_address="127.0.0.1:3",
    video_address="127.0.0.1:6", workflow_address="127.0.0.1:7",
    events_address="127.0.0.1:4", websocket_address="127.0.0.1:5",
)  # fmt: skip


def changed(**fields: object) -> GatewaySettings:
    """The same settings with other values."""
    return SETTINGS.model_copy(update=fields)


@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS,
        changed(otlp_endpoint="http://127.0.0.1:4317"),
        changed(listen="[::]:18080", internal_listen="127.0.0.1:19902", admin_port=19901),
        changed(image_address="image.example:50051"),
        changed(cors_origins=("https://app.example", "*"), listen="0.0.0.0:8080"),
        changed(worker_listen="0.0.0.0:8443"),
    ],
    ids=["plain", "traced", "moved", "by name", "open", "for workers"],
)
def test_envoy_accepts_the_configuration(settings: GatewaySettings, tmp_path: Path) -> None:
    configuration = tmp_path / "envoy.json"
    configuration.write_text(json.dumps(render(settings)))

    validated = subprocess.run(
        [str(envoy_executable()), "--mode", "validate", "-c", str(configuration)], capture_output=True, text=True
    )

    assert validated.returncode == 0, validated.stderr[-2000:]


def test_everything_listens_on_loopback_by_default() -> None:
    rendered = render(SETTINGS)

    addresses = [listener["address"] for listener in rendered["static_resources"]["listeners"]]
    addresses.append(rendered["admin"]["address"])

    assert {address["socket_address"]["address"] for address in addresses} == {"127.0.0.1"}


def test_every_public_service_has_a_cluster() -> None:
    methods = read_methods(SETTINGS.descriptor_set)

    assert {method.service for method in methods} == set(CLUSTER_OF)


def test_internal_rpcs_are_no_routes() -> None:
    text = json.dumps(render(SETTINGS))

    for name in ("CreateServiceToken", "CreateDelegatedToken", "DeleteJobAssets", "grpc.health", "reflection"):
        assert name not in text
