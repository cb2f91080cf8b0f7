"""Graphs in ComfyUI's API format for tests through the mesh, and following them over REST."""

import time
from collections.abc import Callable
from typing import Any

import httpx2

TERMINAL = ("SUCCEEDED", "FAILED", "CANCELED")
RED = "a red circle on a blue background"


def default_graph(*seeds: int, prompt: str = RED, steps: int = 12) -> dict[str, Any]:
    """ComfyUI's default graph, with one sampler and one saved picture for each seed."""
    graph: dict[str, Any] = {
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "demo-image"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 256, "height": 256, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": prompt, "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["4", 1]}},
    }
    for number, seed in enumerate(seeds):
        graph[f"sampler{number}"] = {
            "class_type": "KSampler",
            "inputs": {
                "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
                "seed": seed, "steps": steps, "cfg": 2.5, "sampler_name": "ddim", "scheduler": "normal", "denoise": 1,
            },
        }  # fmt: skip
        decoded = {"samples": [f"sampler{number}", 0], "vae": ["4", 2]}
        graph[f"decode{number}"] = {"class_type": "VAEDecode", "inputs": decoded}
        saved = {"images": [f"decode{number}", 0], "filename_prefix": f"picture{number}"}
        graph[f"save{number}"] = {"class_type": "SaveImage", "inputs": saved}
    return graph


def execute(client: httpx2.Client, graph: dict[str, Any], *, wait_s: int = 60, **headers: str) -> dict[str, Any]:
    """Executes a graph; the record after the wait."""
    prefer = {"Prefer": f"wait={wait_s}"} if wait_s else {}
    answer = client.post("/api/v1/executions", json={"graph": graph}, headers=prefer | headers)
    assert answer.status_code in (200, 202), answer.text
    execution: dict[str, Any] = answer.json()
    return execution


def children(client: httpx2.Client, execution_id: str) -> list[dict[str, Any]]:
    """The jobs whose parent the execution is."""
    answer = client.get("/api/v1/jobs", params={"parent_id": execution_id, "page_size": 100})
    assert answer.status_code == 200, answer.text
    jobs: list[dict[str, Any]] = answer.json()["jobs"]
    return jobs


def until_ended(client: httpx2.Client, execution: dict[str, Any], timeout_s: float = 120) -> dict[str, Any]:
    """The execution when it has ended, whatever falls meanwhile."""
    deadline = time.monotonic() + timeout_s
    found = execution
    while True:
        try:
            with client.stream("GET", execution["links"]["events"], timeout=timeout_s) as events:
                for _ in events.iter_lines():
                    pass
            answer = client.get(execution["links"]["self"])
            if answer.status_code == 200:
                found = answer.json()
        except httpx2.TransportError:
            pass  # a part of the way is broken: the state below is what counts
        if found["state"] in TERMINAL:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)  # the stream has broken off: a client asks again after a pause


def until(holds: Callable[[], bool], what: str, timeout_s: float = 60) -> None:
    """Waits until a condition holds; raises AssertionError with `what` when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)  # between two looks
