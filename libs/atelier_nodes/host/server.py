"""The host's server: dispatches messages of the pool to threads and loops where they may block."""

import asyncio
import traceback
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

from atelier_graph.custom_validation import ClassValidator
from atelier_graph.errors import GraphError
from atelier_graph.execution import GraphRunner, RunResult
from atelier_graph.limits import GraphLimits
from atelier_graph.prompt import parse_prompt
from atelier_graph.validation import validate
from atelier_nodes.host.event_sender import EventSender
from atelier_nodes.host.graph_thread import GraphThread
from atelier_nodes.host.isolation import confine_graph
from atelier_nodes.host.lanes import Lanes
from atelier_nodes.host.loaded_nodes import LoadedNodes
from atelier_nodes.host.mesh_calls import HostMesh, MeshSwitchboard
from atelier_nodes.host.wire import Wire
from atelier_nodes.mesh import ModelInfo, set_known_models
from atelier_nodes.packs.folders import NodeFolders
from atelier_nodes.packs.prompt_server import PromptServer
from atelier_nodes.protocol.isolation import IsolationWish
from atelier_nodes.protocol.messages import (
    DescribeNodes,
    FolderPaths,
    FreeMemory,
    FromHost,
    GraphEnded,
    InterruptGraph,
    MeshFailed,
    MeshProgressed,
    MeshReturned,
    Ping,
    Refused,
    Replied,
    RunGraph,
    ServeHttp,
    SetModels,
    ToHost,
    ValidateGraph,
)

_THREADS = 8
_PATH_CHARACTERS = "/:@!$&'()*+,;=~"


class HostServer:
    """Serves one pool. `take` is called in the receiving thread and does not wait for nodes or for the mesh."""

    def __init__(
        self,
        wire: Wire,
        nodes: LoadedNodes,
        lanes: Lanes,
        folders: NodeFolders,
        limits: GraphLimits,
        isolation: IsolationWish,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Makes the server.

        Args:
            wire: The socket to the pool.
            nodes: The node classes.
            lanes: Caches and objects of graphs.
            folders: The folders of graphs without folders of their own.
            limits: Limits on graphs.
            isolation: The restrictions of the host.
            loop: The loop in which routes of packs run.
        """
        self._wire = wire
        self._nodes = nodes
        self._lanes = lanes
        self._folders = folders
        self._limits = limits
        self._isolation = isolation
        self._loop = loop
        self._mesh = MeshSwitchboard(wire)
        self._graphs: dict[str, GraphThread] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="request")

    def take(self, message: ToHost) -> None:
        """Serves a message, here or in another thread."""
        match message:
            case Ping():
                self._wire.send(Replied(message.number, None))
            case RunGraph():
                self._run(message)
            case InterruptGraph():
                if graph := self._graphs.get(message.execution):
                    graph.interrupt()
            case MeshReturned() | MeshFailed() | MeshProgressed():
                self._mesh.deliver(message)
            case SetModels():
                set_known_models([ModelInfo(each.id, each.kind, each.name, each.defaults) for each in message.models])
            case DescribeNodes():
                self._serve(message.number, lambda: Replied(message.number, self._nodes.describe()))
            case ValidateGraph():
                self._serve(message.number, lambda: Replied(message.number, asyncio.run(self._validated(message))))
            case FreeMemory():
                self._serve(message.number, lambda: self._free(message))
            case ServeHttp():
                self._serve_on_loop(message.number, self._respond(message))

    def _run(self, message: RunGraph) -> None:
        lane = self._lanes.take(message.scope)
        paths = message.folders
        folders = (
            self._folders
            if paths is None
            else NodeFolders.under(
                self._folders.base, inputs=Path(paths.input), outputs=Path(paths.output), temp=Path(paths.temp)
            )
        )

        if message.exclusive:
            client = message.extra_data.get("client_id")
            server = PromptServer.instance
            server.client_id = client if isinstance(client, str) else None
            server.last_prompt_id = message.execution

        def on_end(result: RunResult, leftovers: tuple[str, ...]) -> None:
            del self._graphs[message.execution]
            self._lanes.give_back(lane)
            error = None if result.error is None else result.error.to_json()
            self._wire.send(GraphEnded(message.execution, result.status, result.outputs, result.meta, error, leftovers))

        graph = GraphThread(
            message,
            GraphRunner(self._nodes.python_classes, lane.cache, lane.objects, self._limits),
            HostMesh(self._mesh, message.execution),
            EventSender(self._wire, message.execution),
            folders,
            self._limits,
            lambda: self._confine(paths),
            on_end,
        )
        self._graphs[message.execution] = graph
        graph.start()

    def _confine(self, paths: FolderPaths | None) -> None:
        """Restricts the calling thread to a graph's own folders, if it has any."""
        if paths is None:
            return
        folders = [Path(paths.input), Path(paths.output), Path(paths.temp)]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        confine_graph(self._isolation, folders)

    async def _validated(self, message: ValidateGraph) -> dict[str, Any]:
        try:
            prompt = parse_prompt(message.graph, self._limits)
        except GraphError as error:
            return {"error": error.error, "node_errors": {}, "outputs": [], "prompt": {}}
        validation = await validate(
            prompt,
            self._nodes.declarations(),
            targets=message.targets,
            custom=ClassValidator(self._nodes.python_classes),
        )
        return {
            "error": validation.error,
            "node_errors": validation.node_errors,
            "outputs": list(validation.outputs),
            "prompt": validation.prompt.to_json(),
        }

    async def _respond(self, message: ServeHttp) -> Replied:
        target = quote(message.path, safe=_PATH_CHARACTERS) + (f"?{message.query}" if message.query else "")
        status, headers, body = await self._nodes.routes.respond(message.method, target, message.headers, message.data)
        return Replied(message.number, {"status": status, "headers": headers}, body)

    def _free(self, message: FreeMemory) -> Replied:
        if message.free_memory or message.unload_models:
            self._lanes.clear()
        return Replied(message.number, None)

    def _serve(self, number: int, work: Callable[[], Replied]) -> None:
        """Serves a request in one of the request threads."""
        self._threads.submit(work).add_done_callback(lambda done: self._reply(number, done))

    def _serve_on_loop(self, number: int, work: Coroutine[Any, Any, Replied]) -> None:
        """Serves a request in the loop in which packs expect their routes to run."""
        asyncio.run_coroutine_threadsafe(work, self._loop).add_done_callback(lambda done: self._reply(number, done))

    def _reply(self, number: int, done: "Future[Replied]") -> None:
        error = done.exception()
        message: FromHost
        if error is None:
            message = done.result()
        else:
            traceback.print_exception(error)  # for the log
            message = Refused(number, f"{type(error).__name__}: {error}")
        try:
            self._wire.send(message)
        except TypeError as not_json:
            self._wire.send(Refused(number, f"the host's reply is not JSON: {not_json}"))
