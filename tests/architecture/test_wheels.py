"""The built wheels: no name at the top of `site-packages` that is not ours, and every file that a process reads."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENVOY_FILES = ROOT / "gateway" / "atelier_gateway" / "envoy"


def build(project: Path, folder: Path) -> Path:
    """Builds the wheel of a distribution and unpacks it, as an installation does."""
    built = folder / "built"
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(built)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (wheel,) = built.iterdir()
    installed = folder / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    return installed


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The distribution atelier-mesh, unpacked."""
    return build(ROOT, tmp_path_factory.mktemp("mesh"))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The distribution atelier-client, unpacked."""
    return build(ROOT / "libs", tmp_path_factory.mktemp("client"))


@pytest.mark.parametrize("distribution", ["mesh", "client"])
def test_every_name_at_the_top_is_ours(distribution: str, request: pytest.FixtureRequest) -> None:
    installed: Path = request.getfixturevalue(distribution)
    names = {path.name.partition("-")[0] for path in installed.iterdir()}
    assert "atelier" in names
    assert {name for name in names if name != "atelier" and not name.startswith("atelier_")} == set()


def test_no_test_support_is_shipped(mesh: Path) -> None:
    assert not [path for path in mesh.rglob("*") if {"testing", "tests", "support"} & set(path.parts)]


def test_the_gateway_ships_the_files_that_envoy_reads(mesh: Path) -> None:
    shipped = mesh / "atelier_gateway" / "envoy"
    ours = {path.relative_to(ENVOY_FILES) for path in ENVOY_FILES.rglob("*") if path.is_file()}
    assert {path.relative_to(shipped) for path in shipped.rglob("*") if path.is_file()} == ours


def test_the_modules_that_packs_import_are_shipped(mesh: Path) -> None:
    compat = ROOT / "libs" / "atelier_nodes" / "compat"
    ours = {path.relative_to(compat) for path in compat.rglob("*.py")}
    shipped = mesh / "atelier_nodes" / "compat"
    assert {path.relative_to(shipped) for path in shipped.rglob("*.py")} == ours


def test_the_gateway_renders_from_an_installation(mesh: Path) -> None:
    services = ("AUTH", "STORAGE", "IMAGE", "VIDEO", "WORKFLOW", "EVENTS", "WEBSOCKET")
    addresses = {f"ATELIER_GATEWAY_{service}_ADDRESS": "127.0.0.1:1" for service in services}
    done = subprocess.run(
        [sys.executable, "-m", "atelier_gateway.main", "render"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(mesh), **addresses},
        cwd=mesh, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert str(mesh / "atelier_gateway" / "envoy" / "rest.lua") in done.stdout
    assert str(ROOT / "gateway") not in done.stdout


def test_stubs_register_no_contract_of_others(client: Path) -> None:
    program = (
        "import sys; from google.protobuf import descriptor_pool; import atelier.image.v1.image_pb2_grpc\n"
        "try: descriptor_pool.Default().FindFileByName('buf/validate/validate.proto')\n"
        "except KeyError: print('free')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(client)}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == "free\n"
