"""Peers: programs that are compared with, each in a process of its own, without our settings in its environment."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atelier_diffusion.engine.hardware import physical_cores
from atelier_mesh.supervisor import die_with_parent
from tests.bench.companion import Companion
from tests.mesh.running_mesh import free_base_port

_PEERS = Path(__file__).parent / "peers"
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
"""What a fresh login has: whatever else is in this process's environment may be a setting of ours."""
_START_S = 120.0


def peer_environment() -> dict[str, str]:
    """Returns the environment of a peer; it downloads nothing, since its weights are a folder."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {"HF_HUB_OFFLINE": "1"}


@contextmanager
def diffusers_peer(script: str, folder: Path, *, threads: int) -> Iterator[Companion]:
    """Runs `peers/<script>` on the weights in `folder`. Where it may use all cores, torch chooses its threads."""
    command = [sys.executable, str(_PEERS / script), str(folder)]
    if threads != physical_cores():
        command.append(str(threads))
    with Companion.started(command, env=peer_environment(), stderr=subprocess.DEVNULL) as companion:
        yield companion


@contextmanager
def litserve_peer(folder: Path) -> Iterator[str]:
    """Runs LitServe on the weights in `folder`.

    Yields:
        Its address, once it is ready.

    Raises:
        RuntimeError: It ended, or was not ready within two minutes.
    """
    port = free_base_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, str(_PEERS / "litserve_pictures.py"), str(folder), str(port)],
        env=peer_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    try:
        _until_healthy(f"{url}/health", process)
        yield url
    finally:
        # It starts processes of its own, which outlive a SIGTERM of the first one.
        os.killpg(process.pid, 9)
        process.wait()


def _until_healthy(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"LitServe ended with status {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own address
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    raise RuntimeError("LitServe was not ready in time")
