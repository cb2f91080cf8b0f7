"""`atelier-gateway`: Envoy's bootstrap from the environment alone, without the launcher."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx2
import psutil
import pytest

from atelier_gateway.bootstrap import render
from atelier_gateway.settings import GatewaySettings
from tests.gateway.mesh import free_port
from tests.support.wait import eventually

PROGRAM = Path(sys.executable).parent / "atelier-gateway"
ADDRESSES = {
    f"ATELIER_GATEWAY_{service}_ADDRESS": f"{service.lower()}.example:50051"
    for service in ("AUTH", "STORAGE", "IMAGE", "VIDEO", "WORKFLOW", "EVENTS", "WEBSOCKET")
}


def run(*arguments: str, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Runs the command in an environment that holds nothing else."""
    return subprocess.run([str(PROGRAM), *arguments], env=environment, capture_output=True, text=True, timeout=60)


def test_the_bootstrap_is_that_of_the_settings_in_the_environment() -> None:
    done = run("render", environment=ADDRESSES | {"ATELIER_GATEWAY_LISTEN": "0.0.0.0:443"})

    assert (done.returncode, done.stderr) == (0, "")
    fields = {name.removeprefix("ATELIER_GATEWAY_").lower(): address for name, address in ADDRESSES.items()}
    settings = GatewaySettings.model_validate({**fields, "listen": "0.0.0.0:443"})
    assert json.loads(done.stdout) == render(settings)


def test_it_is_written_to_a_file_on_request(tmp_path: Path) -> None:
    target = tmp_path / "envoy.json"
    done = run("render", "--output", str(target), environment=ADDRESSES)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert target.read_text() == run("render", environment=ADDRESSES).stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ATELIER_GATEWAY_LISTEN", "localhost:8080"),
        ("ATELIER_GATEWAY_LISTEN", "127.0.0.1"),
        ("ATELIER_GATEWAY_LISTEN", "127.0.0.1:99999"),
        ("ATELIER_GATEWAY_IMAGE_ADDRESS", "http://image.example"),
        ("ATELIER_GATEWAY_CORS_ORIGINS", "https://app.example,app.example"),
        ("ATELIER_GATEWAY_CALL_TIMEOUT_S", "soon"),
        ("ATELIER_GATEWAY_FOLDER", "/nowhere"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    done = run("render", environment=ADDRESSES | {name: value})

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (78, "", 1)
    assert done.stderr.startswith(f"atelier-gateway: {name}")


@pytest.mark.parametrize("name", ADDRESSES)
def test_the_address_of_every_service_is_required(name: str) -> None:
    done = run("render", environment={other: address for other, address in ADDRESSES.items() if other != name})

    assert done.returncode == 78
    assert f"{name}: field required" in done.stderr


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    done = run("render", "--output", str(tmp_path / "no folder" / "envoy.json"), environment=ADDRESSES)

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no folder/envoy.json" in done.stderr


def test_rendering_needs_no_launcher_and_no_service() -> None:
    program = "import sys, atelier_gateway.main; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    loaded = {name for name in done.stdout.split() if name.startswith("atelier")}
    assert loaded == {"atelier_gateway", "atelier_service"}


async def test_run_becomes_envoy(tmp_path: Path) -> None:
    admin_port = free_port()
    environment = ADDRESSES | {
        "ATELIER_GATEWAY_LISTEN": f"127.0.0.1:{free_port()}",
        "ATELIER_GATEWAY_INTERNAL_LISTEN": f"127.0.0.1:{free_port()}",
        "ATELIER_GATEWAY_ADMIN_PORT": str(admin_port),
        "ATELIER_GATEWAY_ACCESS_LOG": str(tmp_path / "access.jsonl"),
    }
    bootstrap = tmp_path / "made" / "envoy.json"
    process = await asyncio.create_subprocess_exec(PROGRAM, "run", "--bootstrap", bootstrap, env=environment)
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{admin_port}") as admin:

            async def is_live() -> bool:
                try:
                    return (await admin.get("/ready")).status_code == 200
                except httpx2.TransportError:
                    return False

            await eventually(is_live, 20, "Envoy is ready")
            about = (await admin.get("/server_info")).json()
        assert about["command_line_options"]["config_path"] == str(bootstrap)
        assert psutil.Process(process.pid).name() == "envoy"
    finally:
        process.terminate()
        await process.wait()
