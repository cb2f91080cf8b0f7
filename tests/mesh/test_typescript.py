"""A program in TypeScript whose types openapi-typescript makes of the document that the mesh serves."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import httpx2
import pytest

from tests.mesh.running_mesh import RunningMesh

_PROJECT = Path(__file__).resolve().parents[1] / "typescript"
_FILES = ("package.json", "package-lock.json", "tsconfig.json", "show.ts")
_TIMEOUT_S = 240


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program's folder, with what `package-lock.json` names installed."""
    if shutil.which("npm") is None:
        pytest.fail("this test needs Node.js with npm (Debian: apt-get install nodejs npm)")
    folder = tmp_path_factory.mktemp("typescript")
    for name in _FILES:
        shutil.copy(_PROJECT / name, folder / name)
    _run(folder, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
    return folder


def test_a_generated_client_compiles_submits_waits_and_shows(
    project: Path, mesh: RunningMesh, client: httpx2.Client
) -> None:
    (project / "openapi.json").write_bytes(client.get("/api/v1/openapi.json").content)
    _run(project, "npx", "openapi-typescript", "openapi.json", "--output", "atelier.ts")
    _run(project, "npx", "tsc")

    seen = json.loads(_run(project, "node", "built/show.js", mesh.url, mesh.api_key, "picture.png"))

    assert seen["refused"] == {"status": 400, "reason": "INVALID_FIELD", "fields": ["steps"]}
    assert seen["states"][0] == "QUEUED"
    assert seen["states"][-1] == "SUCCEEDED"
    assert seen["sha256"] == seen["uploaded"] == hashlib.sha256((project / "picture.png").read_bytes()).hexdigest()
    assert seen["listed"]
