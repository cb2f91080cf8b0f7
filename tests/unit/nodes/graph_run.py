"""Runs graphs by the real engine, with all nodes that ship."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from PIL import Image

from atelier_graph.caches import ClassicCache
from atelier_graph.custom_validation import ClassValidator
from atelier_graph.events import GraphEvent, NodeProgress, NodesCached
from atelier_graph.execution import GraphRunner, RunResult
from atelier_graph.limits import GraphLimits
from atelier_graph.node_classes import NodeClasses
from atelier_graph.node_objects import NodeObjects
from atelier_graph.prompt import parse_prompt
from atelier_graph.validation import Validation, validate
from atelier_nodes.builtin import NODE_CLASSES
from atelier_nodes.mesh import MeshCalls, set_known_models, use_mesh
from atelier_nodes.packs.folders import NodeFolders


@dataclass
class GraphRun:
    """One process that runs graphs, with its cache.

    Attributes:
        events: Events of all runs.
    """

    mesh: MeshCalls
    folders: NodeFolders
    events: list[GraphEvent] = field(default_factory=list)
    _cache: ClassicCache = field(default_factory=ClassicCache)
    _objects: NodeObjects = field(default_factory=NodeObjects)

    def publish(self, event: GraphEvent) -> None:
        """See `Observer`."""
        self.events.append(event)

    async def validated(self, graph: dict[str, Any]) -> Validation:
        """Validates a graph against the models that the mesh offers."""
        set_known_models(await self.mesh.models())
        prompt = parse_prompt(graph, GraphLimits())
        return await validate(prompt, NodeClasses(NODE_CLASSES), custom=ClassValidator(NODE_CLASSES))

    async def run(self, graph: dict[str, Any]) -> RunResult:
        """Validates a graph and runs all of its outputs."""
        validation = await self.validated(graph)
        assert validation.ok, validation.node_errors
        runner = GraphRunner(NODE_CLASSES, self._cache, self._objects, GraphLimits())
        with use_mesh(self.mesh), torch.inference_mode():
            return await runner.run(validation.prompt, validation.outputs, self, prompt_id=str(uuid4()), extra_data={})

    async def draw(self, graph: dict[str, Any]) -> list[Path]:
        """Runs a graph that must succeed and returns the files that it saved."""
        result = await self.run(graph)
        assert result.status == "success", result.error
        entries = [entry for ui in result.outputs.values() for entry in ui.get("images", [])]
        return [self.folders.of(entry["type"]) / entry["subfolder"] / entry["filename"] for entry in entries]

    def progress_of(self, node_id: str) -> list[tuple[float, float]]:
        """Value and maximum of each progress of a node."""
        found = [event for event in self.events if isinstance(event, NodeProgress)]
        return [(event.value, event.max) for event in found if event.node == node_id]

    def cached(self) -> list[str]:
        """The nodes that the last run found in the cache."""
        found = [event for event in self.events if isinstance(event, NodesCached)]
        return list(found[-1].nodes)


def colour_at(file: Path, x: float = 0.5, y: float = 0.5) -> tuple[int, ...]:
    """The colour of a picture, at a place that is a share of its sides."""
    with Image.open(file) as picture:
        pixel = picture.convert("RGB").getpixel((int(x * picture.width), int(y * picture.height)))
    assert isinstance(pixel, tuple)
    return tuple(int(value) for value in pixel)
