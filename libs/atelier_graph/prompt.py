"""Prompts: graphs in ComfyUI's API format, parsed, with a limited number of nodes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from atelier_graph.errors import GraphError
from atelier_graph.limits import GraphLimits

VALUE_KEY = "__value__"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A graph: nodes by id, each with `class_type`, `inputs` and any other keys that the client sent."""

    nodes: Mapping[str, dict[str, Any]]

    def class_of(self, node_id: str) -> str:
        """The class of a node, or "" when there is no such node."""
        node = self.nodes.get(node_id)
        return "" if node is None else str(node["class_type"])

    def inputs_of(self, node_id: str) -> dict[str, Any]:
        """The inputs of a node: links, literals, and wrapped list literals."""
        inputs: dict[str, Any] = self.nodes[node_id]["inputs"]
        return inputs

    def to_json(self) -> dict[str, Any]:
        """The graph as JSON values, which `parse_prompt` takes."""
        return dict(self.nodes)


def parse_prompt(value: object, limits: GraphLimits) -> Prompt:
    """Parses the value of `prompt` in a submission. Nodes and their `inputs` are copied.

    Args:
        value: JSON values; None for a submission without a prompt.
        limits: Limits on the graph.

    Raises:
        GraphError: The value is not a graph; the error names the node, if it is about one.
    """
    if value is None:
        raise GraphError("no_prompt", "No prompt provided", details="No prompt provided")
    if not isinstance(value, dict):
        raise GraphError("invalid_prompt", "The prompt is not an object of nodes", details=type(value).__name__)
    if len(value) > limits.nodes:
        message = f"The prompt has {len(value)} nodes; at most {limits.nodes} are allowed"
        raise GraphError("too_many_nodes", message, extra_info={"nodes": len(value), "limit": limits.nodes})
    return Prompt({str(node_id): _node(str(node_id), node) for node_id, node in value.items()})


def unwrapped(value: object) -> object:
    """The value of a literal input: the content of a `{"__value__": …}`, or the value itself."""
    return value[VALUE_KEY] if isinstance(value, dict) and VALUE_KEY in value else value


def _node(node_id: str, node: object) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise _invalid(node_id, "is not an object", None)
    class_type = node.get("class_type")
    title = _title(node)
    if class_type is None:
        name = title or f"ID #{node_id}"
        message = f"Node '{name}' has no class_type. The workflow may be corrupted or a custom node is missing."
        raise missing_node_type(node_id, message, None, title)
    if not isinstance(class_type, str):
        raise _invalid(node_id, "has a class_type that is not a string", title)
    inputs = node.get("inputs", {})
    if not isinstance(inputs, dict):
        raise _invalid(node_id, "has inputs that are not an object", title)
    return {**node, "inputs": dict(inputs)}


def unknown_class(prompt: Prompt, node_id: str) -> GraphError:
    """Returns the error for a prompt with a node whose class does not exist."""
    class_type = prompt.class_of(node_id)
    name = _title(prompt.nodes[node_id]) or class_type
    message = f"Node '{name}' not found. The custom node may not be installed."
    return missing_node_type(node_id, message, class_type, name)


def missing_node_type(node_id: str, message: str, class_type: str | None, title: str | None) -> GraphError:
    """Returns the error `missing_node_type`."""
    extra_info = {"node_id": node_id, "class_type": class_type, "node_title": title}
    return GraphError("missing_node_type", message, details=f"Node ID '#{node_id}'", extra_info=extra_info)


def _title(node: Mapping[str, Any]) -> str | None:
    meta = node.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    return title if isinstance(title, str) and title else None


def _invalid(node_id: str, fault: str, title: str | None) -> GraphError:
    extra_info = {"node_id": node_id, "node_title": title}
    return GraphError(
        "invalid_node", f"Node '#{node_id}' {fault}", details=f"Node ID '#{node_id}'", extra_info=extra_info
    )
