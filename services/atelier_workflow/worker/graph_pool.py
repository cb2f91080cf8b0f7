"""The graph pool: the port to the host processes that run graphs; see `HostPool`."""

from collections.abc import Callable, Sequence
from typing import Protocol

from atelier_graph.events import GraphEvent
from atelier_graph.execution import RunResult
from atelier_nodes.mesh import MeshCalls
from atelier_nodes.pool.catalogue import NodeCatalogue, ValidationAnswer
from atelier_nodes.protocol import HostExecution


class GraphPool(Protocol):
    """Runs graphs in host processes."""

    async def catalogue(self) -> NodeCatalogue:
        """Returns all nodes; waits until the first host has loaded. Raises HostLostError."""
        ...

    async def validate(self, graph: object, targets: Sequence[str] | None = None) -> ValidationAnswer:
        """Validates a graph, also by the functions of its nodes. Raises HostLostError."""
        ...

    async def run(self, execution: HostExecution, mesh: MeshCalls, on_event: Callable[[GraphEvent], None]) -> RunResult:
        """Runs a graph to its end; a call that is cancelled interrupts it. Raises HostLostError."""
        ...
