"""Graphs with nodes of V3 packs, validated and run by the engine in this process."""

from dataclasses import dataclass, field
from typing import Any

from atelier_graph.caches import ClassicCache
from atelier_graph.custom_validation import ClassValidator
from atelier_graph.events import GraphEvent, NodeProgress
from atelier_graph.execution import GraphRunner, RunResult
from atelier_graph.limits import GraphLimits
from atelier_graph.node_classes import NodeClasses
from atelier_graph.node_objects import NodeObjects
from atelier_graph.prompt import parse_prompt
from atelier_graph.validation import Validation, validate
from atelier_nodes.packs import registry


@dataclass
class V3Graphs:
    """Runs graphs one after the other, as one host does."""

    events: list[GraphEvent] = field(default_factory=list)
    cache: ClassicCache = field(default_factory=ClassicCache)
    objects: NodeObjects = field(default_factory=NodeObjects)

    def publish(self, event: GraphEvent) -> None:
        self.events.append(event)

    @property
    def progress(self) -> list[NodeProgress]:
        return [event for event in self.events if isinstance(event, NodeProgress)]

    async def validate(self, nodes: dict[str, Any]) -> Validation:
        classes = NodeClasses(registry.NODE_CLASSES, registry.DISPLAY_NAMES)
        custom = ClassValidator(registry.NODE_CLASSES)
        return await validate(parse_prompt(nodes, GraphLimits()), classes, custom=custom)

    async def run(self, nodes: dict[str, Any], **extra_data: Any) -> RunResult:
        validation = await self.validate(nodes)
        assert not validation.node_errors, validation.node_errors
        runner = GraphRunner(registry.NODE_CLASSES, self.cache, self.objects, GraphLimits())
        return await runner.run(validation.prompt, validation.outputs, self, prompt_id="p", extra_data=extra_data)

    async def errors(self, nodes: dict[str, Any]) -> dict[str, list[str]]:
        """The types of the errors of each node."""
        found = (await self.validate(nodes)).node_errors
        return {node_id: [error["type"] for error in node["errors"]] for node_id, node in found.items()}


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    """A node of a graph; `__` in a name stands for the dot of a part of a dynamic input."""
    return {"class_type": class_type, "inputs": {name.replace("__", "."): value for name, value in inputs.items()}}
