"""What a V3 node returns."""

from collections.abc import Mapping
from typing import Any

from atelier_graph.blocker import ExecutionBlocker


class NodeOutput:
    """Values, and with them a `ui`, a graph, or that what follows is blocked.

    Args:
        args: A value for each output.
        ui: What clients show: a dict of lists, or an object of `ui`.
        expand: A graph that takes the node's place; the values are outputs of its nodes.
        block_execution: Why nothing that depends on this node runs.
    """

    def __init__(
        self,
        *args: Any,
        ui: Any = None,
        expand: dict[str, Any] | None = None,
        block_execution: str | None = None,
    ) -> None:
        self.args = args
        self.ui = ui
        self.expand = expand
        self.block_execution = block_execution

    @property
    def result(self) -> tuple[Any, ...] | None:
        """The values, or None if there are none."""
        return self.args or None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "NodeOutput":
        """Returns the output of a dict as V1 nodes return it.

        Raises:
            TypeError: Its `result` is no tuple.
        """
        result = data.get("result")
        if isinstance(result, ExecutionBlocker):
            return cls(ui=data.get("ui"), expand=data.get("expand"), block_execution=result.message)
        if result is not None and not isinstance(result, list | tuple):
            raise TypeError(f"'result' is {type(result).__name__} instead of a tuple of the node's outputs")
        values = tuple(result or ())
        return cls(*values, ui=data.get("ui"), expand=data.get("expand"), block_execution=data.get("block_execution"))

    def __getitem__(self, index: int) -> Any:
        return self.args[index]


def as_v1(returned: Any, *, node_id: str, may_expand: bool) -> Any:
    """Returns what `execute` returned in the form of V1 nodes.

    Args:
        returned: An output, or a tuple, a dict, a blocker or None.
        node_id: The class, for messages.
        may_expand: Whether it may return a graph.

    Raises:
        TypeError: It is none of these.
        ValueError: It is a graph, which the schema does not allow.
    """
    if returned is None or isinstance(returned, ExecutionBlocker):
        return () if returned is None else returned
    if isinstance(returned, tuple):
        return returned
    output = NodeOutput.from_dict(returned) if isinstance(returned, Mapping) else returned
    if not isinstance(output, NodeOutput):
        raise TypeError(f"Node {node_id!r} returned {type(returned).__name__} instead of an io.NodeOutput")
    if output.expand is not None and not may_expand:
        raise ValueError(f"Node {node_id!r} returned a graph, and its schema does not say enable_expand=True")
    values: Any = output.args if output.block_execution is None else ExecutionBlocker(output.block_execution)
    if output.ui is None and output.expand is None:
        return values
    v1: dict[str, Any] = {}
    if output.ui is not None:
        v1["ui"] = output.ui.as_dict() if hasattr(output.ui, "as_dict") else output.ui
    if output.expand is not None:
        v1["expand"] = output.expand
    if output.block_execution is not None or output.args or output.expand is not None:
        v1["result"] = values
    return v1
