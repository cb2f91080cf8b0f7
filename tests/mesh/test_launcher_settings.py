"""A launcher that cannot work says why in one line, and starts nothing."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mesh.running_mesh import free_base_port

Launch = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    """Runs a launcher that ends by itself, on a folder and ports of its own unless the settings say otherwise."""

    def run(**settings: str) -> "subprocess.CompletedProcess[str]":
        own = {"ATELIER_STATE_DIR": str(tmp_path), "ATELIER_PORT": str(free_base_port())}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ATELIER_")}
        script = Path(sys.executable).parent / "atelier-mesh"
        return subprocess.run(
            [str(script), "run"], env={**kept, **own, **settings}, capture_output=True, text=True, timeout=240
        )

    return run


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ATELIER_PORT", "80"),
        ("ATELIER_PORT", "no number"),
        ("ATELIER_PORT", "99999"),
        ("ATELIER_PORT", ""),
        ("ATELIER_HOST", "localhost"),
        ("ATELIER_DEVICE", "gpu"),
        ("ATELIER_STATE_DIR", "/dev/null/state"),
        ("ATELIER_STATE_DIR", "/proc/state"),
        ("ATELIER_PROJECT_DIR", "/nowhere"),
        ("ATELIER_OTLP_ENDPOINT", "collector"),
        ("ATELIER_CORS_ORIGINS", "app.example"),
        ("ATELIER_IMAGE_WORKERS", "0"),
        ("ATELIER_LEASE_S", "soon"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_starts(launch: Launch, name: str, value: str) -> None:
    done = launch(**{name: value})
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.startswith("atelier-mesh: ")
    assert done.stderr.count("\n") == 1
    assert name in done.stderr


def test_a_host_that_is_not_of_this_machine_is_named(launch: Launch) -> None:
    done = launch(ATELIER_HOST="192.0.2.1")
    assert (done.returncode, done.stdout) == (78, "")
    assert "192.0.2.1" in done.stderr


def test_a_wrong_field_of_models_yaml_is_named_before_anything_starts(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("models: {mine: {source: 'hf:a/b', max_size: 8}}")
    done = launch()
    assert (done.returncode, done.stdout) == (78, "")
    assert "models.yaml: model 'mine': unknown field 'max_size'; did you mean max_size_px?\n" in done.stderr


def test_what_only_a_worker_can_find_out_ends_the_start_with_its_reason(launch: Launch, tmp_path: Path) -> None:
    done = launch(ATELIER_DEVICE="cuda:63", ATELIER_IMAGE_WORKRES="2")
    assert done.returncode == 1
    assert "ATELIER_IMAGE_WORKRES is no setting; did you mean ATELIER_IMAGE_WORKERS?" in done.stdout
    assert "starting it again" not in done.stdout
    assert done.stderr.endswith("ATELIER_DEVICE=cuda:63: this machine has no device cuda:63\n")
    assert done.stderr.count("\n") == 1
    assert list((tmp_path / "run").iterdir()) == []


def test_the_version_is_said() -> None:
    script = Path(sys.executable).parent / "atelier-mesh"
    said = subprocess.run([str(script), "--version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("atelier-mesh 0.")
