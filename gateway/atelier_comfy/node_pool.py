"""Node pool: the port to the hosts that validate and run graphs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from atelier_graph.events import GraphEvent
from atelier_nodes.mesh import MeshCalls, ModelInfo
from atelier_nodes.pool.catalogue import NodeCatalogue, PackRequest, PackResponse, ValidationAnswer
from atelier_nodes.protocol.execution import HostExecution


class RunOutcome(Protocol):
    """The result of an execution, such as a `RunResult` of the graph engine."""

    @property
    def status(self) -> str:
        """`success`, `error` or `interrupted`."""
        ...

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The `ui` of nodes, by node id."""
        ...

    @property
    def meta(self) -> Mapping[str, Any]:
        """The places of nodes with outputs, by node id; see `NodePlace.to_meta`."""
        ...


class MeshOfPrompts(Protocol):
    """Serves the calls of nodes to a mesh."""

    def for_prompt(self, prompt_id: str) -> MeshCalls:
        """Returns the calls of one prompt; a repeated run receives the same jobs."""
        ...

    async def models(self) -> Sequence[ModelInfo]:
        """Returns the models. Raises MeshError when the mesh is unavailable."""
        ...


class NodePool(Protocol):
    """The operations of node hosts that this server uses. Asynchronous ones wait until nodes are loaded."""

    async def catalogue(self) -> NodeCatalogue:
        """All node classes, packs and their routes."""
        ...

    async def validate(self, graph: Mapping[str, Any], targets: Sequence[str] | None) -> ValidationAnswer:
        """Validates a graph; `targets` are the output nodes to run, None for all."""
        ...

    async def run(
        self, execution: HostExecution, mesh: MeshCalls, on_event: Callable[[GraphEvent], None]
    ) -> RunOutcome:
        """Runs a graph to its end. Raises HostLostError when its host ends."""
        ...

    def interrupt(self, execution_id: str) -> bool:
        """Ends an execution within 2 seconds with the status `interrupted`; returns False if it does not run."""
        ...

    async def free(self, *, unload_models: bool, free_memory: bool) -> None:
        """Drops cached results of hosts; see `HostPool.free`."""
        ...

    async def http(self, request: PackRequest) -> PackResponse:
        """Serves a request at a route of a pack."""
        ...
