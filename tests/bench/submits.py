"""Submits per second through the gateway against the image service's own gRPC port. Nothing is drawn meanwhile."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.bench.companion import Companion
from tests.bench.rest import Rest
from tests.bench.rows import Row, Target, ratio_row
from tests.mesh.running_mesh import RunningMesh

CONNECTIONS = 4
TARGET = Target(0.35, at_most=False)


def measure_submits(mesh: RunningMesh, key: str, *, rounds: int, seconds: float) -> list[Row]:
    """Rounds of: gRPC with a JWT, REST with an API key, REST with a JWT. Leaves thousands of jobs in the queue."""

    def way_of(name: str, token: str) -> dict[str, Any]:
        bearer = f"Bearer {token}"
        if name == "gRPC":
            return {"way": "grpc", "where": f"127.0.0.1:{mesh.ports.image}", "headers": {"authorization": bearer}}
        headers = {"X-Api-Key": key} if name == "API key" else {"Authorization": bearer}
        return {"way": "rest", "where": mesh.url, "headers": headers}

    names = ["gRPC", "API key", "JWT"]
    answers: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with (
        _stopped(mesh.pid("atelier-image-worker")),
        Companion.running("tests.bench.load", connections=CONNECTIONS) as load,
        Rest(mesh.url, {"X-Api-Key": key}) as rest,
    ):

        def ask(name: str, seconds: float) -> dict[str, float]:
            answer: dict[str, float] = load.ask(**way_of(name, rest.token()), seconds=seconds)
            return answer

        for name in names:
            ask(name, 1.0)  # warm
        for k in range(rounds):
            for name in names[:: 1 if k % 2 == 0 else -1]:
                answers[name].append(ask(name, seconds))
    rates = {name: [a["per_s"] for a in given] for name, given in answers.items()}
    return [
        ratio_row(f"submits: REST with {name} / direct gRPC", rates[name], rates["gRPC"], unit="/s", target=TARGET)
        for name in ("API key", "JWT")
    ]


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    """A process that stands still."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
