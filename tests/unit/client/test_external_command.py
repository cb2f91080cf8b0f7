"""`atelier comfy` and `atelier nodes` are programs of other packages, which the client starts and never imports."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.client.atelier_command import COMMAND

from atelier_client.external_command import EXTERNAL_COMMANDS, ExternalCommand

ECHO = "import sys\nprint(sys.argv[1:])\nsys.exit(5)\n"


def test_arguments_are_passed_to_the_program_unchanged_and_its_exit_code_is_returned(tmp_path: Path) -> None:
    (tmp_path / "echoing.py").write_text(ECHO)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from atelier_client.external_command import ExternalCommand\n"
        "ExternalCommand('echo', 'echoing', 'none', (), '').start(sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "--help", "--port", "7", "x y"],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert (done.stdout, done.returncode) == ("['--help', '--port', '7', 'x y']\n", 5), done.stderr


def test_a_file_in_the_working_directory_does_not_take_the_place_of_a_module(tmp_path: Path) -> None:
    (tmp_path / "argparse.py").write_text("raise SystemExit('the wrong argparse')")
    done = subprocess.run([*COMMAND, "comfy", "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "--extra-model-paths-config" in done.stdout


def test_a_command_that_is_not_installed_names_the_extra() -> None:
    command = ExternalCommand("paint", "json", "brushes", ("no_such_module_here",), "")
    with pytest.raises(ValueError, match=r"atelier paint needs no_such_module_here.*'atelier-mesh\[brushes\]'"):
        command.start([])


def test_every_external_command_is_in_the_help() -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, timeout=60)
    for command in EXTERNAL_COMMANDS:
        assert f" {command.name} " in done.stdout
