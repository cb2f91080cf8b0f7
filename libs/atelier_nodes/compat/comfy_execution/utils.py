"""`comfy_execution.utils`: which node runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from atelier_graph.context import current_node


class ExecutionContext(NamedTuple):
    """The call of a node that runs."""

    prompt_id: str
    node_id: str
    list_index: int | None


def get_executing_context() -> ExecutionContext | None:
    """Returns the call of which this code is a part, or None outside of nodes."""
    node = current_node()
    return None if node is None else ExecutionContext(node.prompt_id, node.node_id, node.list_index)


@contextmanager
def CurrentNodeContext(prompt_id: str, node_id: str, list_index: int | None = None) -> Iterator[ExecutionContext]:
    """Names a call for the block; progress still belongs to the node that the engine runs."""
    yield ExecutionContext(prompt_id, node_id, list_index)
