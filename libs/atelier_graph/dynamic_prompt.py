"""Dynamic prompts: the graph that is executed, which grows when nodes expand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from atelier_graph.errors import DuplicateNodeError, GraphLimitError, NodeReturnError
from atelier_graph.events import NodePlace
from atelier_graph.limits import GraphLimits
from atelier_graph.prompt import Prompt


@dataclass(frozen=True, slots=True)
class _Ephemeral:
    node: Mapping[str, Any]
    place: NodePlace
    depth: int


class DynamicPrompt:
    """A prompt and the nodes that expansions added to it. Nodes receive it as the hidden input DYNPROMPT."""

    def __init__(self, prompt: Prompt, limits: GraphLimits) -> None:
        self.prompt = prompt
        self._limits = limits
        self._ephemeral: dict[str, _Ephemeral] = {}

    def has_node(self, node_id: str) -> bool:
        """True if the node exists."""
        return node_id in self._ephemeral or node_id in self.prompt.nodes

    def get_node(self, node_id: str) -> Mapping[str, Any]:
        """The node, with `class_type` and `inputs`.

        Raises:
            KeyError: There is no such node.
        """
        ephemeral = self._ephemeral.get(node_id)
        return self.prompt.nodes[node_id] if ephemeral is None else ephemeral.node

    def is_ephemeral(self, node_id: str) -> bool:
        """True for a node that an expansion added."""
        return node_id in self._ephemeral

    def all_node_ids(self) -> set[str]:
        """The ids of all nodes."""
        return {*self.prompt.nodes, *self._ephemeral}

    def get_original_prompt(self) -> dict[str, Any]:
        """The prompt without the nodes of expansions, with literals as validation converted them."""
        return self.prompt.to_json()

    def get_real_node_id(self, node_id: str) -> str:
        """The id of the node of the prompt that a node comes from."""
        return self.place(node_id).real

    def get_parent_node_id(self, node_id: str) -> str | None:
        """The id of the node whose expansion added a node, or None."""
        return self.place(node_id).parent

    def get_display_node_id(self, node_id: str) -> str:
        """The id of the node at which clients show a node."""
        return self.place(node_id).display_node

    def place(self, node_id: str) -> NodePlace:
        """The place of a node. An id that does not exist is its own display node, without a parent."""
        ephemeral = self._ephemeral.get(node_id)
        return NodePlace(node_id, node_id, None, node_id) if ephemeral is None else ephemeral.place

    def class_of(self, node_id: str) -> str:
        """The class of a node, or "" when there is no such node."""
        return str(self.get_node(node_id)["class_type"]) if self.has_node(node_id) else ""

    def expand(self, parent: str, graphs: Iterable[object]) -> list[str]:
        """Adds the graphs that a node returned, and returns the ids of their nodes.

        A node may be called again because its result was not stored: then they replace those that it added before.

        Args:
            parent: The id of the node.
            graphs: What each call returned as `expand`.

        Raises:
            DuplicateNodeError: An id exists already.
            GraphLimitError: Too many nodes, or nested too deeply.
            NodeReturnError: A value is not a graph.
        """
        above = self._ephemeral.get(parent)
        depth = 1 if above is None else above.depth + 1
        if depth > self._limits.expansion_depth:
            raise GraphLimitError(f"Expansions nest deeper than {self._limits.expansion_depth} levels")
        added: dict[str, None] = {}
        for node_id, node in (each for graph in graphs for each in _nodes_of(graph)):
            if node_id in added or not self._is_free(node_id, parent):
                raise DuplicateNodeError(f"The expansion adds node {node_id!r}, which exists: ids must be unique")
            self._add(node_id, node, parent, depth)
            added[node_id] = None
        return list(added)

    def _is_free(self, node_id: str, parent: str) -> bool:
        known = self._ephemeral.get(node_id)
        return node_id not in self.prompt.nodes and (known is None or known.place.parent == parent)

    def _add(self, node_id: str, node: object, parent: str, depth: int) -> None:
        if len(self._ephemeral) >= self._limits.expanded_nodes:
            raise GraphLimitError(f"Expansions add more than {self._limits.expanded_nodes} nodes")
        if not isinstance(node, Mapping) or not isinstance(node.get("class_type"), str):
            raise NodeReturnError(f"Node {node_id!r} of the expansion is not an object with a class_type")
        inputs = node.get("inputs", {})
        if not isinstance(inputs, Mapping):
            raise NodeReturnError(f"Node {node_id!r} of the expansion has inputs that are not a mapping")
        override = node.get("override_display_id")
        display = self.place(parent if override is None else str(override)).display_node
        place = NodePlace(node_id, display, parent, self.place(parent).real)
        self._ephemeral[node_id] = _Ephemeral({**node, "inputs": dict(inputs)}, place, depth)


def _nodes_of(graph: object) -> Iterable[tuple[str, object]]:
    if not isinstance(graph, Mapping):
        raise NodeReturnError(f"The node expands into {type(graph).__name__} instead of a mapping of nodes")
    return [(str(node_id), node) for node_id, node in graph.items()]
