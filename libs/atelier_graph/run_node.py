"""Run nodes: the nodes of an execution, with constants, links and the declaration of their class."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from atelier_graph.custom_validation import live_inputs_of
from atelier_graph.dynamic_prompt import DynamicPrompt
from atelier_graph.errors import NodeDeclarationError, NodeInputError
from atelier_graph.link import Link, link_of
from atelier_graph.node_class import NodeClass
from atelier_graph.node_classes import NodeClasses
from atelier_graph.prompt import unwrapped


@dataclass(frozen=True, slots=True)
class RunNode:
    """A node of an execution.

    Attributes:
        id: Its id; unique in the execution.
        class_type: Its class.
        names: The inputs that are passed to it: those of the graph in their order, then defaults.
        python_class: The Python class.
        node_class: The declaration, with the inputs that LIVE_INPUT_TYPES declares.
        constants: Inputs that are known before any node runs: literals, defaults of omitted optional inputs, and raw
            links (`InputSpec.raw_link`).
        links: Inputs that are outputs of other nodes.
        raw_links: Links among the constants.
        upstream: Ids of all nodes to which it links.
        lazy: Names of the links that are evaluated only when the node requests them.
        dropped: Literals for inputs that are not declared: they are part of the cache key and are not passed.
    """

    id: str
    class_type: str
    names: tuple[str, ...]
    python_class: Any
    node_class: NodeClass
    constants: dict[str, Any]
    links: dict[str, Link]
    raw_links: tuple[Link, ...]
    upstream: frozenset[str]
    lazy: frozenset[str]
    dropped: dict[str, Any]

    @property
    def required_upstream(self) -> list[str]:
        """Ids of the nodes that must finish before its first call: without those of lazy inputs, in order."""
        links = [link for name, link in self.links.items() if name not in self.lazy]
        return list(dict.fromkeys(link.node_id for link in (*links, *self.raw_links)))


def read_node(node_id: str, node: Mapping[str, Any], classes: NodeClasses) -> RunNode:
    """Reads a node of a graph.

    Args:
        node_id: Its id.
        node: `class_type` and `inputs`.
        classes: The node classes.

    Raises:
        NodeInputError: There is no such class.
        NodeDeclarationError: The declaration of the class is not valid.
    """
    class_type, sent = node["class_type"], node["inputs"]
    if class_type not in classes:
        raise NodeInputError(f"Node class {class_type!r} of node {node_id!r} does not exist")
    python_class, node_class = classes.python_classes[class_type], classes[class_type]
    inputs = {name: unwrapped(value) for name, value in sent.items()}
    if node_class.dynamic:
        node_class = node_class.with_live_inputs(live_inputs_of(python_class, inputs))
    constants: dict[str, Any] = {}
    links: dict[str, Link] = {}
    raw: list[Link] = []
    dropped: dict[str, Any] = {}
    hidden = {spec.name for spec in node_class.hidden}  # an expansion may give them literals
    for name, value in inputs.items():
        spec = node_class.input(name)
        link = link_of(sent[name])  # a wrapped list is no link, whatever it holds
        if link is not None and spec is not None and spec.raw_link:
            raw.append(link)
            constants[name] = value
        elif link is not None:
            links[name] = link
        elif spec is not None or name in hidden or node_class.accepts_all:
            constants[name] = value
        else:
            dropped[name] = value
    for spec in node_class.visible:
        if spec.group == "optional" and spec.name not in inputs and "default" in spec.options:
            constants[spec.name] = spec.options["default"]
    lazy = frozenset(name for name in links if (spec := node_class.input(name)) is not None and spec.lazy)
    passed = (*(name for name in inputs if name not in dropped), *(name for name in constants if name not in inputs))
    return RunNode(
        id=node_id,
        class_type=class_type,
        names=passed,
        python_class=python_class,
        node_class=node_class,
        constants=constants,
        links=links,
        raw_links=tuple(raw),
        upstream=frozenset(link.node_id for link in (*links.values(), *raw)),
        lazy=lazy,
        dropped=dropped,
    )


class RunNodes:
    """The nodes of an execution, each read once."""

    def __init__(self, dynamic: DynamicPrompt, classes: NodeClasses) -> None:
        self._dynamic = dynamic
        self._classes = classes
        self._read: dict[str, RunNode] = {}

    def of(self, node_id: str) -> RunNode:
        """The node of that id.

        Raises:
            KeyError: There is no such node.
            NodeInputError: There is no such class.
            NodeDeclarationError: The declaration of the class is not valid.
        """
        node = self._read.get(node_id)
        if node is None:
            node = read_node(node_id, self._dynamic.get_node(node_id), self._classes)
            self._read[node_id] = node
        return node

    def forget(self, node_ids: Iterable[str]) -> None:
        """Discards nodes that an expansion has replaced."""
        for node_id in node_ids:
            self._read.pop(node_id, None)

    def find(self, node_id: str) -> RunNode | None:
        """The node of that id; None if there is no such node, or its class does not exist or is not valid."""
        try:
            return self.of(node_id) if self._dynamic.has_node(node_id) else None
        except (NodeDeclarationError, NodeInputError):
            return None  # it is reported when the node is to run
