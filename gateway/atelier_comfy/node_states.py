"""Node states of a running prompt, in the form of `progress_state`: those that changed, or all."""

from typing import Any

from atelier_comfy.outbox import Progress

_MOST_RUNNING = 16
"""Other running nodes that are sent again with each change, for clients that show only the last message."""


class NodeStates:
    """The nodes of one prompt that run, have finished or have failed."""

    def __init__(self, prompt_id: str) -> None:
        self._prompt_id = prompt_id
        self._nodes: dict[str, dict[str, Any]] = {}
        self._running: dict[str, None] = {}

    def set(
        self,
        node_id: str,
        state: str,
        *,
        value: float | None = None,
        maximum: float | None = None,
        display_id: str | None = None,
        parent_id: str | None = None,
        real_id: str | None = None,
    ) -> Progress:
        """Stores a node's state and returns the message about it; arguments that are None do not change it."""
        known = self._nodes.get(node_id, {})
        top = maximum if maximum is not None else known.get("max", 1.0)
        self._nodes[node_id] = {
            "value": top if state == "finished" else value if value is not None else known.get("value", 0.0),
            "max": top,
            "state": state,
            "node_id": node_id,
            "prompt_id": self._prompt_id,
            "display_node_id": display_id or known.get("display_node_id", node_id),
            "parent_node_id": parent_id or known.get("parent_node_id"),
            "real_node_id": real_id or known.get("real_node_id", node_id),
        }
        if state == "running":
            self._running[node_id] = None
        else:
            self._running.pop(node_id, None)
        others = list(self._running)[-_MOST_RUNNING:]
        return self._message([node_id, *(other for other in others if other != node_id)])

    def all(self) -> Progress:
        """The message with every node."""
        return self._message(list(self._nodes))

    def of(self, node_id: str) -> dict[str, Any]:
        """The ids of one node; of an unknown one, its own id."""
        return self._nodes.get(node_id) or {
            "node_id": node_id,
            "display_node_id": node_id,
            "parent_node_id": None,
            "real_node_id": node_id,
        }

    def _message(self, node_ids: list[str]) -> Progress:
        return Progress(
            f"states {self._prompt_id}",
            prompt_id=self._prompt_id,
            nodes={node_id: self._nodes[node_id] for node_id in node_ids},
        )
