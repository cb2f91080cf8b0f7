"""`atelier nodes` lists packs as a host loads them, and installs requirements."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.client.atelier_command import COMMAND
from tests.unit.packs.pack_folder import PackFolder, pack


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "nodes", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def mixed(packs: PackFolder) -> PackFolder:
    packs.write("works-well/__init__.py", pack("One", "Two"))
    packs.write("broken.py", "import a_module_that_nobody_has\n")
    packs.write("deadly.py", "import os\nos._exit(9)\n")
    return packs


def test_packs_are_listed_with_their_outcome_also_one_that_ends_its_process(mixed: PackFolder) -> None:
    finished = run("--packs", mixed.path, "--json")
    assert finished.returncode == 1
    listed: dict[str, Any] = {entry["name"]: entry for entry in json.loads(finished.stdout)["packs"]}
    assert listed["works-well"]["nodes"] == ["One", "Two"]
    assert listed["works-well"]["error"] == ""
    assert listed["broken"]["error"] == "module 'a_module_that_nobody_has' is not installed (broken.py:1)"
    assert "exit status 9" in listed["deadly"]["error"]


def test_a_folder_whose_packs_all_load_is_success(packs: PackFolder) -> None:
    packs.write("one.py", pack("One"))
    finished = run("--packs", packs.path)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines()[-1] == "1 pack, 0 of which did not load; 1 node"


def test_an_extra_paths_file_that_cannot_be_read_is_a_wrong_value(packs: PackFolder) -> None:
    packs.write("paths.yaml", "- a list\n")
    finished = run("--packs", packs.path, "--extra-model-paths-config", packs.path / "paths.yaml")
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr.strip() == f"atelier nodes: {packs.path}/paths.yaml: it must hold sections of folders"


def test_a_pack_without_requirements_cannot_be_installed(packs: PackFolder) -> None:
    packs.write("one.py", pack("One"))
    finished = run("install", packs.path / "one.py")
    assert finished.returncode == 1
    assert "has no requirements.txt" in finished.stderr
