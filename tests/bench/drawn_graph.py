"""ComfyUI's default graph through the mesh against the same picture through POST /images/generate."""

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from atelier_client import AsyncClient
from atelier_comfy.mesh_client import ClientMesh
from atelier_nodes.packs.folders import NodeFolders, execution_folders
from tests.bench.contest import new_seeds
from tests.bench.rest import Rest
from tests.bench.rows import Row, Target, ratio_row
from tests.mesh.running_mesh import RunningMesh
from tests.unit.nodes.graph_run import GraphRun
from tests.unit.nodes.graphs import default_graph

PICTURES = 4
TARGET = Target(1.05)
_PROMPT = "a red circle on a blue background"
_STEPS = 20


def measure_drawn_graph(mesh: RunningMesh, key: str, *, rounds: int) -> Row:
    """Rounds of: run the graph, to the saved file, and make the picture, to its bytes, in turn; each of a new seed."""
    return asyncio.run(_measure(mesh, key, rounds))


async def _measure(mesh: RunningMesh, key: str, rounds: int) -> Row:
    graph_s, picture_s = [], []
    with tempfile.TemporaryDirectory() as folder, Rest(mesh.url, {"X-Api-Key": key}) as rest:
        folders = NodeFolders.under(Path(folder))
        async with AsyncClient(mesh.url, key) as client:
            with execution_folders(folders):
                await _graph(client, folders, new_seeds(1)[0])  # warm
                for _ in range(rounds):
                    seeds = new_seeds(2 * PICTURES)
                    graphs, pictures = [], []
                    for first, second in zip(seeds[::2], seeds[1::2], strict=True):
                        graphs.append(await _graph(client, folders, first))
                        pictures.append(await asyncio.to_thread(_picture, rest, second))
                    graph_s.append(median(graphs))
                    picture_s.append(median(pictures))
    name = "default graph / picture"
    return ratio_row(name, graph_s, picture_s, unit="ms", scale=1000, target=TARGET)


async def _graph(client: AsyncClient, folders: NodeFolders, seed: int) -> float:
    sampler: dict[str, Any] = {"steps": _STEPS, "cfg": 2.5, "sampler_name": "ddim", "scheduler": "ddim_uniform"}
    run = GraphRun(ClientMesh(client).for_prompt(str(uuid4())), folders)
    started = time.perf_counter()
    await run.draw(default_graph("demo-image", _PROMPT, seed=seed, **sampler))
    return time.perf_counter() - started


def _picture(rest: Rest, seed: int) -> float:
    parameters = {
        "prompt": _PROMPT,
        "model": "demo-image",
        "steps": _STEPS,
        "guidance_scale": 2.5,
        "scheduler": "DDIM",
        "sigmas": "DDIM_UNIFORM",
        "width_px": 256,
        "height_px": 256,
        "seed": seed,
    }
    started = time.perf_counter()
    image = rest.picture(parameters)
    rest.content(image["outputs"][0]["content_url"])
    return time.perf_counter() - started
