"""What each process loads, and what the wheel holds. What packages may import: test_walls.py."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "diffusers", "transformers", "accelerate", "modelscope")

# Every process and program: what draws is a process of its own, which the worker starts.
LEAN = (
    "atelier_auth.main",
    "atelier_storage.main",
    "atelier_image.main",
    "atelier_image.worker_main",
    "atelier_video.main",
    "atelier_video.worker_main",
    "atelier_workflow.main",
    "atelier_workflow.worker_main",
    "atelier_events.main",
    "atelier_gateway.main",
    "atelier_mesh.main",
    "atelier_migrate.main",
    "atelier_client.cli",
)


def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@pytest.mark.parametrize("module", [*LEAN, "atelier_mesh.launch"])
def test_a_process_that_draws_nothing_loads_no_torch_and_only_the_upgrade_loads_alembic(module: str) -> None:
    unwanted = HEAVY if module == "atelier_migrate.main" else (*HEAVY, "alembic")
    program = f"import json, sys, {module}; print(json.dumps([name for name in {unwanted} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("module", ["atelier_image.worker_main", "atelier_video.worker_main"])
def test_a_worker_loads_no_database_and_no_broker(module: str) -> None:
    unwanted = ("sqlalchemy", "asyncpg", "nats")
    program = f"import json, sys, {module}; print(json.dumps([name for name in {unwanted} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == []


def test_every_process_is_lean() -> None:
    programs = {target.partition(":")[0] for target in project()["project"]["scripts"].values()}
    assert programs == set(LEAN)


def test_every_package_is_in_the_wheel() -> None:
    wheel = project()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    shipped = {path for folder in ("libs", "services", "gateway") for path in (ROOT / folder).glob("*/__init__.py")}
    assert {path.parent.relative_to(ROOT).as_posix() for path in shipped} == set(wheel)
