"""The current node: the call that is running, for progress bars and other modules that receive no reference to it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol


class Report(Protocol):
    """Reports progress of a node.

    Raises `RunInterruptedError` when the execution is interrupted, and `GraphLimitError` when its time has run out.
    """

    def __call__(
        self,
        value: float,
        max: float,  # noqa: A002 - the name that progress has everywhere in this protocol
        *,
        preview: bytes | None = None,
        preview_type: str = "image/jpeg",
        node_id: str | None = None,
    ) -> None: ...


@dataclass(slots=True)
class CurrentNode:
    """One call of a node.

    Attributes:
        prompt_id: The execution.
        node_id: The node; unique in the execution.
        list_index: The index of this call: a node is called once for each element of its input lists.
        report: Reports progress, of this node or of another one.
        check_interrupt: Raises `RunInterruptedError` when the execution is interrupted, and `GraphLimitError` when its
            time has run out.
    """

    prompt_id: str
    node_id: str
    list_index: int
    report: Report
    check_interrupt: Callable[[], None]
    _graphs: int = field(default=0, init=False)

    def next_graph_prefix(self) -> str:
        """Returns a prefix for the node ids of the next graph that this call builds: `<node>.<call>.<graph>.`."""
        prefix = f"{self.node_id}.{self.list_index}.{self._graphs}."
        self._graphs += 1
        return prefix


_current: ContextVar[CurrentNode | None] = ContextVar("atelier_graph_current_node", default=None)


def current_node() -> CurrentNode | None:
    """The running call, or None outside of nodes and in threads that a node started itself."""
    return _current.get()


@contextmanager
def entered(node: CurrentNode) -> Iterator[CurrentNode]:
    """Makes `node` the current one inside the block."""
    token = _current.set(node)
    try:
        yield node
    finally:
        _current.reset(token)
