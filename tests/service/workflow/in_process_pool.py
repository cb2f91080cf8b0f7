"""A pool that runs graphs of small nodes in this process: the real engine, without host processes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from atelier_graph.caches import NoCache
from atelier_graph.errors import GraphError
from atelier_graph.events import GraphEvent
from atelier_graph.execution import GraphRunner, RunResult
from atelier_graph.limits import GraphLimits
from atelier_graph.node_class import NodeClass
from atelier_graph.node_objects import NodeObjects
from atelier_graph.prompt import parse_prompt
from atelier_graph.validation import validate
from atelier_nodes.mesh import MeshCalls, use_mesh
from atelier_nodes.pool.catalogue import NodeCatalogue, ValidationAnswer
from atelier_nodes.pool.options import PoolOptions
from atelier_nodes.protocol import HostExecution
from tests.service.workflow.small_nodes import described


class InProcessPool:
    """A GraphPool."""

    def __init__(self, nodes: dict[str, type]) -> None:
        self._nodes = nodes

    async def catalogue(self) -> NodeCatalogue:
        return NodeCatalogue(described(self._nodes))

    async def validate(self, graph: object, targets: Sequence[str] | None = None) -> ValidationAnswer:
        classes = {name: NodeClass.of(name, node) for name, node in self._nodes.items()}
        try:
            prompt = parse_prompt(graph, GraphLimits())
        except GraphError as error:
            return ValidationAnswer(error.error, {}, (), {})
        answer = await validate(prompt, classes, targets=targets)
        return ValidationAnswer(answer.error, answer.node_errors, answer.outputs, answer.prompt.to_json())

    async def run(self, execution: HostExecution, mesh: MeshCalls, on_event: Callable[[GraphEvent], None]) -> RunResult:
        class Publishing:
            def publish(self, event: GraphEvent) -> None:
                on_event(event)

        assert execution.folders is not None
        places = {"input": str(execution.folders.input), "output": str(execution.folders.output)}
        runner = GraphRunner(self._nodes, NoCache(), NodeObjects(), GraphLimits())
        prompt = parse_prompt(dict(execution.prompt), GraphLimits())
        with use_mesh(mesh):
            running = asyncio.create_task(
                runner.run(
                    prompt, execution.outputs, Publishing(), prompt_id=execution.id,
                    extra_data={"extra_pnginfo": places},
                )
            )  # fmt: skip
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            runner.interrupt()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            raise


def pools(nodes: dict[str, type]) -> Callable[[PoolOptions], Any]:
    """Opens such pools."""

    @asynccontextmanager
    async def opened(_options: PoolOptions) -> AsyncIterator[InProcessPool]:
        yield InProcessPool(nodes)

    return opened
