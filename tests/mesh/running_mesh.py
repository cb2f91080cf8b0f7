"""A whole mesh, started by the launcher that users start, on free ports and in a folder of its own."""

import fcntl
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from atelier_mesh.ports import PortInUseError, Ports
from atelier_mesh.supervisor import die_with_parent
from tests.documented import check_answer

_START_S = 120.0


def free_base_port() -> int:
    """A port whose followers are free too, below those that the kernel gives to whoever asks for any.

    It is this process's until it ends: a part that a test has killed finds its port again, whoever else starts a mesh
    on this machine meanwhile.
    """
    folder = Path(tempfile.gettempdir()) / f"atelier-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    while True:
        base = random.SystemRandom().randrange(12_000, 32_000, 64)
        claim = os.open(folder / str(base), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            Ports.following(base).ensure_free("127.0.0.1")
        except (BlockingIOError, PortInUseError):
            os.close(claim)
            continue
        return base


@dataclass
class RunningMesh:
    """A mesh, and the handles that tests need: clients, pids, signals."""

    launcher: "subprocess.Popen[bytes]"
    ports: Ports
    state_dir: Path
    environment: dict[str, str] = field(repr=False)
    output: str = ""

    @property
    def url(self) -> str:
        """Where REST is."""
        return self.environment["ATELIER_URL"]

    @property
    def api_key(self) -> str:
        """The administrator's key."""
        return self.environment["ATELIER_API_KEY"]

    @property
    def grpc_address(self) -> str:
        """Where gRPC is."""
        return self.environment["ATELIER_GRPC"]

    def client(self, api_key: str | None = None, **options: Any) -> httpx2.Client:
        """A REST client; the caller closes it. It compares every answer with the OpenAPI document."""
        key = self.api_key if api_key is None else api_key
        headers = {"X-Api-Key": key} if key else {}
        hooks = {"response": [check_answer]}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=90, event_hooks=hooks, **options)

    def key_of(self, user: str) -> str:
        """A new API key of `user`, who is made when new."""
        with self.client() as client:
            answer = client.post("/api/v1/auth/keys", json={"display_name": "test", "user_id": user})
        assert answer.status_code == 200, answer.text
        key: str = answer.json()["api_key"]
        return key

    def pid(self, name: str) -> int:
        """The pid of a program, as it is now."""
        return int((self.state_dir / "run" / f"{name}.pid").read_text())

    def signal(self, name: str, number: signal.Signals) -> int:
        """Sends a signal to a program; answers the pid that got it."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def log(self, name: str) -> str:
        """What a program has written."""
        return (self.state_dir / "logs" / f"{name}.log").read_text(errors="replace")

    def stop(self) -> None:
        """Ctrl-C, and the end."""
        if self.launcher.poll() is None:
            self.launcher.send_signal(signal.SIGINT)
            self.launcher.wait(30)
        if self.launcher.stdout is not None:
            self.launcher.stdout.close()


def start_mesh(state_dir: Path, *, port: int | None = None, **settings: str) -> RunningMesh:
    """Starts a mesh and waits until it says that it is up. Raises AssertionError with its output when it does not."""
    base = port or free_base_port()
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("ATELIER_")},
        "ATELIER_PORT": str(base),
        "ATELIER_STATE_DIR": str(state_dir),
        "ATELIER_FIRST_PICTURE": "false",
        **settings,
    }
    script = Path(sys.executable).parent / "atelier-mesh"
    launcher = subprocess.Popen(
        [str(script), "run"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,  # what is buffered is not seen by select
        preexec_fn=die_with_parent,  # a test session that is killed leaves no mesh behind
    )
    assert launcher.stdout is not None
    deadline = time.monotonic() + _START_S
    output = ""
    while "Ctrl-C stops everything" not in output:
        ready, _, _ = select.select([launcher.stdout], [], [], max(0.0, deadline - time.monotonic()))
        line = launcher.stdout.readline().decode() if ready else ""
        output += line
        if not line:
            launcher.send_signal(signal.SIGINT)
            launcher.wait(30)
            logs = "".join(
                f"\n== {p.name}\n{p.read_text()[-2000:]}" for p in sorted((state_dir / "logs").glob("*.log"))
            )
            raise AssertionError(f"the mesh did not come up:\n{output}{logs}")
    lines = (state_dir / "dev.env").read_text().splitlines()
    return RunningMesh(launcher, Ports.following(base), state_dir, dict(x.split("=", 1) for x in lines), output)
