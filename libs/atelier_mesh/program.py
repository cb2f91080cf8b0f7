"""A program of the mesh: how it is started, and when it is ready."""

import asyncio
import os
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# The launcher executes a program right after the fork, for which gRPC's fork support is not needed. That support aborts
# one such child in a hundred ("epoll_wait error: Bad file descriptor"), and prints to the terminal.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

# Third-party programs send no notification when they are ready, so they are polled.
_POLL_INTERVAL_S = 0.05


@dataclass(frozen=True, slots=True)
class Program:
    """A process to start, as data."""

    name: str
    argv: Sequence[str]
    ready: str = ""
    """Readiness check: `grpc:<port>` (health is SERVING), `http:<port>/<path>` (2xx or 403), or empty for none."""
    stop_wave: int = 0
    """Programs with the smallest number are stopped first; the next ones when these have ended."""
    settings: str = ""
    """Its settings class, `module:Class`, for Atelier's own programs; see `preflight`."""
    folder: Path | None = None
    """Working directory; None for the launcher's own."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


async def until_ready(ready: str) -> None:
    """Returns when the readiness check `ready` (see `Program.ready`) succeeds; callers set the deadline.

    Raises ValueError for an unknown check.
    """
    protocol, _, target = ready.partition(":")
    if protocol == "grpc":
        await _until_serving(int(target))
    elif protocol == "http":
        while not await asyncio.to_thread(_responds, f"http://127.0.0.1:{target}"):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_INTERVAL_S)
    elif protocol:
        raise ValueError(f"unknown readiness: {ready}")


async def _until_serving(port: int) -> None:
    options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 2_000),
               ("grpc.max_reconnect_backoff_ms", 200)]  # fmt: skip
    while True:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True)
            try:
                async for response in watch:
                    if response.status == health_pb2.HealthCheckResponse.SERVING:
                        return
            except grpc.aio.AioRpcError:
                await asyncio.sleep(_POLL_INTERVAL_S)  # it ended during its start; the supervisor restarts it


def _responds(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - an http URL of our own making
            return True
    except urllib.error.HTTPError as error:
        return error.code == 403  # an S3 server that is up and requires credentials
    except OSError:
        return False
