"""`comfy_execution.graph`: blockers and errors of graphs."""

from atelier_graph.blocker import ExecutionBlocker
from atelier_graph.errors import DependencyCycleError, NodeInputError
from atelier_graph.link import is_link

__all__ = ["DependencyCycleError", "ExecutionBlocker", "NodeInputError", "NodeNotFoundError", "is_link"]


class NodeNotFoundError(Exception):
    """A link refers to a node that is not in the graph."""
