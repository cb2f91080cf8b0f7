"""Returns of nodes: tuples, dictionaries with `ui`, `result` and `expand`, blockers; merged into lists of values."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from atelier_graph.blocker import ExecutionBlocker
from atelier_graph.errors import NodeReturnError
from atelier_graph.json_value import checked_ui
from atelier_graph.link import Link, link_of
from atelier_graph.node_class import NodeClass


@dataclass(frozen=True, slots=True)
class NodeReturn:
    """What one call of a node returned.

    Attributes:
        values: A value for each output, or None when the call returned only a `ui`.
        graph: The graph that the node expands into, or None. With one, links among the values lead to its nodes.
        ui: The output for the user interface, or None.
    """

    values: tuple[Any, ...] | None
    graph: object = None
    ui: dict[str, Any] | None = None

    @property
    def links(self) -> list[Link]:
        """The links among the values; empty unless the node expands."""
        found = map(link_of, self.values or ()) if self.graph is not None else ()
        return [link for link in found if link is not None]


def read_return(node_class: NodeClass, returned: object) -> NodeReturn:
    """Reads what a node's function returned.

    Raises:
        NodeReturnError: It is not a result.
    """
    if not isinstance(returned, dict):
        return NodeReturn(_values(node_class, returned))
    ui = checked_ui(returned["ui"]) if returned.get("ui") is not None else None
    if returned.get("expand") is not None:
        result = returned.get("result")
        return NodeReturn(() if result is None else _values(node_class, result), returned["expand"], ui)
    if "result" in returned:
        return NodeReturn(_values(node_class, returned["result"]), None, ui)
    return NodeReturn(None, None, ui)


def merged_outputs(
    node_class: NodeClass, returns: Iterable[NodeReturn], values_of: Callable[[Link], Sequence[Any]]
) -> list[list[Any]]:
    """The list of values of each output: those of all calls, in their order.

    An output that is declared as a list contributes its elements, any other one its value. A link to a node of an
    expansion contributes all values of the output that it leads to.

    Args:
        node_class: The class.
        returns: What each call returned.
        values_of: Returns the values of another node's output.

    Raises:
        NodeReturnError: Calls returned different numbers of values, or a declared list is not iterable.
    """
    rows = [each for each in returns if each.values is not None]
    if not rows:
        return []
    outputs: list[list[Any]] = [[] for _ in rows[0].values or ()]
    for row in rows:
        values = row.values or ()
        if len(values) != len(outputs):
            raise NodeReturnError(f"The node returned {len(outputs)} values in one call and {len(values)} in another")
        for slot, value in enumerate(values):
            link = link_of(value) if row.graph is not None else None
            if link is not None:
                outputs[slot] += values_of(link)
            elif _is_list(node_class, slot) and not isinstance(value, ExecutionBlocker):
                outputs[slot] += _elements(value, slot)
            else:
                outputs[slot].append(value)
    return outputs


def merged_ui(returns: Iterable[NodeReturn]) -> dict[str, Any] | None:
    """The `ui` of all calls: lists under the same key are concatenated. None when there is no `ui`."""
    found = [each.ui for each in returns if each.ui is not None]
    merged: dict[str, list[Any]] = {}
    for ui in found:
        for key, values in ui.items():
            merged.setdefault(key, []).extend(values if isinstance(values, list) else [values])
    return merged or None


def _values(node_class: NodeClass, result: object) -> tuple[Any, ...]:
    if isinstance(result, ExecutionBlocker):
        return (result,) * len(node_class.returns)
    if isinstance(result, list | tuple):
        return tuple(result)
    if result is None and not node_class.returns:
        return ()
    raise NodeReturnError(f"The node returned {type(result).__name__} instead of a tuple of its outputs")


def _is_list(node_class: NodeClass, slot: int) -> bool:
    return slot < len(node_class.output_is_list) and node_class.output_is_list[slot]


def _elements(value: object, slot: int) -> list[Any]:
    if not isinstance(value, Iterable):
        raise NodeReturnError(f"Output {slot} is declared as a list and the node returned {type(value).__name__}")
    return list(value)
