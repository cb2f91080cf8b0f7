"""The `atelier` command as a person runs it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.unit.client.small_mesh import SmallMesh

COMMAND = [sys.executable, "-c", "from atelier_client.cli import main; main()"]


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """This process's, without Atelier's variables, and `more`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ATELIER_")}
    return {**clean, "TERM": "dumb", **more}


class Atelier:
    """Runs the command in a folder of its own, over gRPC against the small mesh."""

    def __init__(self, mesh: SmallMesh, folder: Path) -> None:
        self.folder = folder
        self.environment = {"ATELIER_GRPC": mesh.address, "ATELIER_API_KEY": mesh.api_key}

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [*COMMAND, "--grpc", *words]
        variables = environment(self.environment)
        return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=self.folder, env=variables)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The command, still running."""
        return subprocess.Popen(
            [*COMMAND, "--grpc", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=environment(self.environment),
        )


def one_line(text: str) -> str:
    """The only line of `text`, which is no traceback."""
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    assert "Traceback" not in text
    return lines[0]
