"""Nodes of the mesh in a real host, which has no network: their calls, and latents that a pack reads, pass the pool."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.unit.nodes.graph_run import colour_at
from tests.unit.nodes.graphs import Graph, default_graph
from tests.unit.nodes.memory_mesh import MemoryMesh

from atelier_graph.events import GraphEvent, NodeProgress
from atelier_graph.execution import RunResult
from atelier_nodes.pool.host_pool import HostPool, open_pool
from atelier_nodes.pool.options import PoolOptions
from atelier_nodes.protocol.execution import Folders, HostExecution

PACK = """
class Halve:
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "halve"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"samples": ("LATENT",)}}

    def halve(self, samples):
        halved = samples.copy()
        halved["samples"] = samples["samples"] * 0.5
        return (halved,)


NODE_CLASS_MAPPINGS = {"Halve": Halve}
"""


@dataclass
class Host:
    """A pool of one host, and what its graphs did.

    Attributes:
        events: Events of all runs.
    """

    pool: HostPool
    folders: Folders
    mesh: MemoryMesh
    events: list[GraphEvent] = field(default_factory=list)

    async def run(self, graph: Graph) -> RunResult:
        """Validates a graph and runs all of its outputs."""
        answer = await self.pool.validate(graph)
        assert answer.ok, answer.node_errors
        execution = HostExecution(id="run", prompt=answer.prompt, outputs=answer.outputs)
        return await self.pool.run(execution, self.mesh, self.events.append)

    def saved(self, result: RunResult) -> Path:
        """The one file that a run has saved."""
        assert result.status == "success", result.error
        (entry,) = [entry for ui in result.outputs.values() for entry in ui["images"]]
        return self.folders.output / str(entry["subfolder"]) / str(entry["filename"])


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    pack = tmp_path / "halve.py"
    pack.write_text(PACK)
    mesh = MemoryMesh()
    folders = Folders(tmp_path / "input", tmp_path / "output", tmp_path / "temp")
    options = PoolOptions(folders=folders, pack_folders=(pack,), models=await mesh.models())
    async with open_pool(options) as pool:
        yield Host(pool, folders, mesh)


async def test_the_default_graph_is_drawn_with_progress_and_previews(host: Host) -> None:
    result = await host.run(default_graph("shapes", "red"))
    assert colour_at(host.saved(result)) == (255, 0, 0)
    progress: list[Any] = [event for event in host.events if isinstance(event, NodeProgress)]
    assert (progress[-1].value, progress[-1].max) == (4, 4)


async def test_a_pack_reads_a_latent_and_what_it_returns_is_decoded(host: Host) -> None:
    graph = default_graph("shapes", "red")
    graph["10"] = {"class_type": "Halve", "inputs": {"samples": ["3", 0]}}
    graph["8"]["inputs"]["samples"] = ["10", 0]
    result = await host.run(graph)
    assert colour_at(host.saved(result)) == (128, 0, 0)
    assert host.mesh.stored == 1
