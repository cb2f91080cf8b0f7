"""Submits as fast as some connections can: a process of its own, so that the measured ones share no interpreter."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from typing import Any

import grpc

from atelier.image.v1 import image_pb2, image_pb2_grpc
from tests.bench.companion import answer_questions
from tests.bench.rest import Rest

PROMPT, STEPS = "a red circle on a blue background", 1
Submit = Callable[[], object]


@contextmanager
def rest_submits(url: str, headers: dict[str, str]) -> Iterator[Submit]:
    """POST /images/generate on a kept connection."""
    body = json.dumps({"prompt": PROMPT, "steps": STEPS}).encode()
    with Rest(url, headers) as rest:
        yield lambda: rest.post("/api/v1/images/generate", body)


@contextmanager
def grpc_submits(address: str, headers: dict[str, str]) -> Iterator[Submit]:
    """GenerateImage on a channel with a connection of its own."""
    request = image_pb2.GenerateImageRequest(
        parameters=image_pb2.GenerationParameters(prompt=PROMPT, steps=STEPS),
    )
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        # The generated types know the asynchronous channel only; both work.
        stub: Any = image_pb2_grpc.ImageServiceStub(channel)  # type: ignore[arg-type]
        metadata = tuple(headers.items())
        yield lambda: stub.GenerateImage(request, metadata=metadata, timeout=30)


WAYS = {"rest": rest_submits, "grpc": grpc_submits}


def main() -> None:
    """Answers {"way", "where", "headers", "seconds"} with submits per second and their median latency in seconds."""
    connections = json.loads(sys.argv[1])["connections"]

    def caller(question: Mapping[str, Any]) -> list[float]:
        with WAYS[question["way"]](question["where"], question["headers"]) as submit:
            submit()  # the connection is open now
            latencies = []
            deadline = time.perf_counter() + question["seconds"]
            while (started := time.perf_counter()) < deadline:
                submit()
                latencies.append(time.perf_counter() - started)
            return latencies

    with ThreadPoolExecutor(connections) as pool:

        def answer(question: Mapping[str, Any]) -> dict[str, float]:
            callers = [pool.submit(caller, question) for _ in range(connections)]
            latencies = [latency for c in callers for latency in c.result()]
            return {"per_s": len(latencies) / question["seconds"], "latency_s": median(latencies)}

        answer_questions(answer)


if __name__ == "__main__":
    main()
