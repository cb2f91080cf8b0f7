"""Node pool: the port to the hosts that validate and run graphs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from atelier_graph.events import GraphEvent
from atelier_nodes.mesh import MeshCalls, ModelInfo
from atelier_nodes.pool.catalogue import NodeCatalogue, PackRequest, PackResponse, ValidationAnswer
from atelier_nodes.protocol.execution import HostExecution


class RunOutcome(Protocol):
    """How an execution ended; a `RunResult` of the graph engine is one."""

    @property
    def status(self) -> str:
        """`success`, `error` or `interrupted`."""
        ...

    @property
    def outputs(self) -> Mapping[str, Any]:
        """What nodes showed, by node id."""
        ...

    @property
    def meta(self) -> Mapping[str, Any]:
        """Where nodes with outputs are in the graph, by node id."""
        ...


class MeshOfPrompts(Protocol):
    """What serves the calls that nodes make to a mesh."""

    def for_prompt(self, prompt_id: str) -> MeshCalls:
        """Returns the calls of one prompt; run again, it gets the jobs that it had."""
        ...

    async def models(self) -> Sequence[ModelInfo]:
        """Returns the models. Raises MeshError when the mesh is unavailable."""
        ...


class NodePool(Protocol):
    """What this server asks of node hosts; each call waits until nodes are loaded."""

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
        """Ends an execution soon, with the status `interrupted`; whether it runs."""
        ...

    async def free(self, *, unload_models: bool, free_memory: bool) -> None:
        """Lets go of models or of cached results."""
        ...

    async def http(self, request: PackRequest) -> PackResponse:
        """Serves a request at a route of a pack."""
        ...
