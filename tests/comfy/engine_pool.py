"""A node pool inside the test's process: the graph engine, each execution in a thread of its own."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from atelier_graph.caches import ClassicCache
from atelier_graph.events import GraphEvent
from atelier_graph.execution import GraphRunner, RunResult
from atelier_graph.limits import GraphLimits
from atelier_graph.node_class import NodeClass
from atelier_graph.node_objects import NodeObjects
from atelier_graph.prompt import parse_prompt
from atelier_graph.validation import validate
from atelier_nodes.mesh import MeshCalls, use_mesh
from atelier_nodes.pool.catalogue import NodeCatalogue, PackRequest, PackResponse, PackRoute, ValidationAnswer
from atelier_nodes.protocol.execution import HostExecution


class EnginePool:
    """Implements the server's `NodePool` without hosts: a node that ends its process would end the test."""

    def __init__(self, classes: Mapping[str, type], web_folders: Mapping[str, str] | None = None) -> None:
        self._classes = classes
        self._declared = {name: NodeClass.of(name, node) for name, node in classes.items()}
        self._web_folders = web_folders or {}
        self._running: dict[str, GraphRunner] = {}
        self.loaded = asyncio.Event()
        self.loaded.set()
        self.freed: list[tuple[bool, bool]] = []

    async def catalogue(self) -> NodeCatalogue:
        await self.loaded.wait()
        return NodeCatalogue(
            {name: declared.to_info() for name, declared in self._declared.items()},
            routes=(PackRoute("GET", "/cats/{name}"), PackRoute("POST", "/cats")),
            web_folders=self._web_folders,
        )

    async def validate(self, graph: Mapping[str, Any], targets: Sequence[str] | None) -> ValidationAnswer:
        await self.loaded.wait()
        prompt = parse_prompt(graph, GraphLimits())
        answer = await validate(prompt, self._declared, targets=targets)
        return ValidationAnswer(answer.error, answer.node_errors, tuple(answer.outputs), answer.prompt.to_json())

    async def run(self, execution: HostExecution, mesh: MeshCalls, on_event: Callable[[GraphEvent], None]) -> RunResult:
        await self.loaded.wait()
        loop = asyncio.get_running_loop()

        class Posting:
            def publish(self, event: GraphEvent) -> None:
                loop.call_soon_threadsafe(on_event, event)

        limits = GraphLimits()
        runner = GraphRunner(self._classes, ClassicCache(), NodeObjects(), limits)
        self._running[execution.id] = runner
        try:
            with use_mesh(mesh):  # the thread has this context
                return await asyncio.to_thread(
                    asyncio.run,
                    runner.run(
                        parse_prompt(execution.prompt, limits),
                        execution.outputs,
                        Posting(),
                        prompt_id=execution.id,
                        extra_data=execution.extra_data,
                    ),
                )
        finally:
            del self._running[execution.id]

    def interrupt(self, execution_id: str) -> bool:
        runner = self._running.get(execution_id)
        if runner is not None:
            runner.interrupt()
        return runner is not None

    async def free(self, *, unload_models: bool, free_memory: bool) -> None:
        self.freed.append((unload_models, free_memory))

    async def http(self, request: PackRequest) -> PackResponse:
        return PackResponse(
            201,
            (("Content-Type", "text/plain"), ("X-Cat", request.path)),
            f"{request.method} {request.query} ".encode() + request.body,
        )
