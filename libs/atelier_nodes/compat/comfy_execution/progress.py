"""`comfy_execution.progress`: progress of the node that runs."""

from typing import Any

from atelier_graph.context import current_node


class ProgressRegistry:
    """Reports progress of nodes by id."""

    def start_progress(self, node_id: str) -> None:
        """Does nothing: the engine publishes that a node starts."""

    def update_progress(self, node_id: str, value: float, max_value: float, image: Any = None) -> None:
        """Reports a node's progress; outside of nodes it has no receiver."""
        if node := current_node():
            node.report(value, max_value, node_id=node_id)

    def finish_progress(self, node_id: str) -> None:
        """Does nothing: the engine publishes that a node is finished."""


_registry = ProgressRegistry()


def get_progress_state() -> ProgressRegistry:
    """Returns the registry of this host."""
    return _registry
