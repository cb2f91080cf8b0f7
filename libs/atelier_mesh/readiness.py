"""Waiting until a process says that it is ready."""

import asyncio
import os
import urllib.error
import urllib.request

# The launcher forks and executes at once. gRPC need not guard its threads for that: its guard aborts one such child in
# a hundred ("epoll_wait error: Bad file descriptor"), and says what it does on the terminal.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

# Programs that are not ours have no way to tell when they are up, so they are asked.
_ASK_EVERY_S = 0.05


async def until_ready(ready: str) -> None:
    """Returns when what `ready` names is ready (see `Program.ready`); callers set the deadline."""
    kind, _, target = ready.partition(":")
    if kind == "grpc":
        await _until_serving(int(target))
    elif kind == "http":
        while not await asyncio.to_thread(_answers, f"http://127.0.0.1:{target}"):  # noqa: ASYNC110
            await asyncio.sleep(_ASK_EVERY_S)
    elif kind:
        raise ValueError(f"unknown readiness: {ready}")


async def _until_serving(port: int) -> None:
    options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 2_000),
               ("grpc.max_reconnect_backoff_ms", 200)]  # fmt: skip
    while True:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True)
            try:
                async for answer in watch:
                    if answer.status == health_pb2.HealthCheckResponse.SERVING:
                        return
            except grpc.aio.AioRpcError:
                await asyncio.sleep(_ASK_EVERY_S)  # it fell over while it started; its supervisor starts it again


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - an http URL of our own making
            return True
    except urllib.error.HTTPError as error:
        return error.code == 403  # an S3 server that is up and wants credentials
    except OSError:
        return False
