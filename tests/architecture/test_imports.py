"""What each process loads, and what the walls cover."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = {"atelier", "atelier_envoy_api"}
IMPORT = re.compile(r"^\s*(?:from|import) (\w+)")
HEAVY = ("torch", "diffusers", "transformers", "accelerate", "modelscope")

# Every process and program: what draws is a process of its own, which the worker starts.
LEAN = (
    "atelier_auth.main",
    "atelier_storage.main",
    "atelier_image.main",
    "atelier_image.worker_main",
    "atelier_video.main",
    "atelier_video.worker_main",
    "atelier_events.main",
    "atelier_gateway.main",
    "atelier_mesh.main",
    "atelier_migrate.main",
    "atelier_client.cli",
)


def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def packages(*folders: str) -> set[str]:
    """The packages of ours in these folders."""
    found = {path.parent.name for folder in folders for path in (ROOT / folder).glob("*/__init__.py")}
    return found - GENERATED


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


def test_the_import_walls_cover_every_package() -> None:
    walls = project()["tool"]["importlinter"]
    assert set(walls["root_packages"]) == packages("libs", "services", "gateway") | {"atelier"}


def test_every_service_stands_behind_the_walls_between_services_and_libraries() -> None:
    contracts = project()["tool"]["importlinter"]["contracts"]
    services, libraries = packages("services", "gateway"), packages("libs")
    (independent,) = (set(c["modules"]) for c in contracts if c["type"] == "independence")
    (unaware,) = (c for c in contracts if c["name"] == "Libraries know no service")
    # The program that upgrades every database is above the services: it knows their tables, and nothing knows it.
    assert independent == services - {"atelier_migrate"}
    assert set(unaware["source_modules"]) == libraries
    assert set(unaware["forbidden_modules"]) == services


def test_every_domain_stands_behind_its_wall() -> None:
    contracts = project()["tool"]["importlinter"]["contracts"]
    (pure,) = (set(c["source_modules"]) for c in contracts if c["name"].startswith("The domain knows"))
    assert pure == {
        f"{path.parent.name}.domain" for folder in ("libs", "services") for path in (ROOT / folder).glob("*/domain")
    }


def test_nothing_that_ships_imports_the_tests_or_is_for_them() -> None:
    for folder in ("libs", "services", "gateway"):
        assert not list((ROOT / folder).rglob("testing")), "helpers of tests are under tests/support"
        for file in (ROOT / folder).rglob("*.py"):
            imported = {name for line in file.read_text("utf-8").splitlines() for name in re.findall(IMPORT, line)}
            assert not imported & {"tests", "tools", "pytest"}, file


def test_every_package_is_in_the_wheel() -> None:
    wheel = project()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    shipped = {path for folder in ("libs", "services", "gateway") for path in (ROOT / folder).glob("*/__init__.py")}
    assert {path.parent.relative_to(ROOT).as_posix() for path in shipped} == set(wheel)
