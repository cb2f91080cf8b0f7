"""Graph builders: nodes use them to build the graphs into which they expand."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from atelier_graph.context import current_node
from atelier_graph.link import is_link


class Node:
    """A node of a graph that is being built."""

    def __init__(self, id: str, class_type: str, inputs: dict[str, Any]) -> None:  # noqa: A002 - the packs' interface
        self.id = id
        self.class_type = class_type
        self.inputs = inputs
        self.override_display_id: str | None = None

    def out(self, index: int) -> list[Any]:
        """A link to one of its outputs."""
        return [self.id, index]

    def set_input(self, key: str, value: Any) -> None:
        """Sets an input; None removes it."""
        if value is None:
            self.inputs.pop(key, None)
        else:
            self.inputs[key] = value

    def get_input(self, key: str) -> Any:
        """The value of an input, or None."""
        return self.inputs.get(key)

    def set_override_display_id(self, override_display_id: str) -> None:
        """Sets the node of the prompt at which clients show this one; by default the node that expands."""
        self.override_display_id = override_display_id

    def serialize(self) -> dict[str, Any]:
        """The node in API format."""
        node: dict[str, Any] = {"class_type": self.class_type, "inputs": self.inputs}
        if self.override_display_id is not None:
            node["override_display_id"] = self.override_display_id
        return node


class GraphBuilder:
    """Builds one graph whose ids begin with a prefix, by default one that is unique in the execution."""

    # Only for builders that are made outside of any call of a node.
    _root: ClassVar[tuple[str, int]] = ("", 0)
    _graph_index: ClassVar[int] = 0

    def __init__(self, prefix: str | None = None) -> None:
        self.prefix = GraphBuilder.alloc_prefix() if prefix is None else prefix
        self.nodes: dict[str, Node] = {}
        self._unnamed = 0

    @classmethod
    def set_default_prefix(cls, prefix_root: str, call_index: int, graph_index: int = 0) -> None:
        """Sets the prefix of builders outside of any call of a node."""
        cls._root = (prefix_root, call_index)
        cls._graph_index = graph_index

    @classmethod
    def alloc_prefix(
        cls, root: str | None = None, call_index: int | None = None, graph_index: int | None = None
    ) -> str:
        """Returns a prefix `<node>.<call>.<graph>.`; omitted parts are those of the current call, with a new graph
        index."""
        current = current_node()
        if current is not None and root is None and call_index is None and graph_index is None:
            return current.next_graph_prefix()
        default_root, default_call = (current.node_id, current.list_index) if current else cls._root
        root = default_root if root is None else root
        call_index = default_call if call_index is None else call_index
        if graph_index is None:
            graph_index = cls._graph_index
            cls._graph_index += 1
        return f"{root}.{call_index}.{graph_index}."

    def node(self, class_type: str, id: str | None = None, **inputs: Any) -> Node:  # noqa: A002
        """Returns the node of that id, and creates it if it does not exist. Without an id it is the next number, from
        1."""
        if id is None:
            self._unnamed += 1
            id = str(self._unnamed)  # noqa: A001
        name = self.prefix + id
        if name not in self.nodes:
            self.nodes[name] = Node(name, class_type, inputs)
        return self.nodes[name]

    def lookup_node(self, id: str) -> Node | None:  # noqa: A002
        """The node of that id, which is given without the prefix."""
        return self.nodes.get(self.prefix + id)

    def remove_node(self, id: str) -> None:  # noqa: A002
        """Removes a node; links to it stay."""
        self.nodes.pop(self.prefix + id, None)

    def replace_node_output(self, node_id: str, index: int, new_value: Any) -> None:
        """Replaces all links to an output of a node; None removes the inputs that have them."""
        source = self.prefix + node_id
        for node in self.nodes.values():
            linked = [key for key, value in node.inputs.items() if is_link(value) and value == [source, index]]
            for key in linked:
                node.set_input(key, new_value)

    def finalize(self) -> dict[str, Any]:
        """The graph: what a node returns as `expand`."""
        return {name: node.serialize() for name, node in self.nodes.items()}


def add_graph_prefix(
    graph: Mapping[str, Mapping[str, Any]], outputs: Sequence[Any], prefix: str
) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Prefixes all ids of a graph, in links too.

    Args:
        graph: Nodes by id.
        outputs: Values; links among them refer to nodes of the graph.
        prefix: The prefix.

    Returns:
        The graph and the outputs with the ids prefixed.
    """

    def prefixed(value: Any) -> Any:
        return [prefix + value[0], value[1]] if is_link(value) else value

    nodes = {
        prefix + node_id: {
            "class_type": node["class_type"],
            "inputs": {name: prefixed(value) for name, value in node.get("inputs", {}).items()},
        }
        for node_id, node in graph.items()
    }
    return nodes, tuple(prefixed(value) for value in outputs)
