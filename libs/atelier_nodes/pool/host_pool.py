"""The host pool: runs graphs in hosts and returns events and results. A failure of a node ends only its execution."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from pydantic import TypeAdapter

from atelier_graph.events import GraphEvent
from atelier_graph.execution import RunResult
from atelier_nodes.mesh import MeshCalls, ModelInfo
from atelier_nodes.pool.catalogue import NodeCatalogue, PackRequest, PackResponse, ValidationAnswer
from atelier_nodes.pool.errors import HostLostError
from atelier_nodes.pool.host import Host
from atelier_nodes.pool.options import PoolOptions
from atelier_nodes.pool.running_graph import RunningGraph
from atelier_nodes.pool.staff import Staff, folder_paths
from atelier_nodes.protocol.execution import HostExecution
from atelier_nodes.protocol.isolation import HostIsolation
from atelier_nodes.protocol.messages import (
    DescribeNodes,
    FreeMemory,
    PackMessage,
    Replied,
    RunGraph,
    ServeHttp,
    ToHost,
    ValidateGraph,
)

_log = structlog.get_logger(__name__)

_REQUEST_S = 60.0
_CATALOGUE = TypeAdapter(NodeCatalogue)
_VALIDATION = TypeAdapter(ValidationAnswer)


@asynccontextmanager
async def open_pool(
    options: PoolOptions, on_message: Callable[[PackMessage], None] = lambda _: None
) -> AsyncIterator["HostPool"]:
    """Opens a pool; its first host starts at once. At the end of the block all hosts have ended.

    Args:
        options: The options of the pool.
        on_message: Receives messages that packs send to clients through their prompt server.
    """
    # They must exist before a host is confined to them, and packs list them during their import.
    for folder in (options.folders.input, options.folders.output, options.folders.temp):
        folder.mkdir(parents=True, exist_ok=True)
    staff = Staff(options, on_message)
    pool = HostPool(staff, options)
    running = asyncio.create_task(staff.run())
    try:
        yield pool
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


class HostPool:
    """Runs graphs in hosts. Made by `open_pool`."""

    def __init__(self, staff: Staff, options: PoolOptions) -> None:
        self._staff = staff
        self._options = options
        self._stops: dict[str, asyncio.Event] = {}
        self._winding_down: set[asyncio.Task[None]] = set()

    @property
    def isolation(self) -> HostIsolation:
        """The protections of the hosts; empty until the first has loaded."""
        return self._staff.isolation

    @property
    def hosts(self) -> tuple[Host, ...]:
        """The living hosts, including those that are loading."""
        return self._staff.hosts

    @property
    def host_count(self) -> int:
        """Number of hosts that may receive graphs."""
        return sum(host.usable for host in self._staff.hosts)

    def set_models(self, models: Sequence[ModelInfo]) -> None:
        """Replaces the models that nodes offer."""
        self._staff.set_models(tuple(models))

    async def catalogue(self) -> NodeCatalogue:
        """Returns all nodes as they are declared now; waits until the first host has loaded.

        Raises:
            HostLostError: No host can be started.
        """
        replied = await self._request(DescribeNodes)
        return _CATALOGUE.validate_python(replied.value)

    async def validate(self, graph: object, targets: Sequence[str] | None = None) -> ValidationAnswer:
        """Validates a graph, also with the code of its packs. A host may run graphs at the same time.

        Args:
            graph: The graph in API format, as JSON values; it need not be valid.
            targets: The output nodes to run; None for all.

        Raises:
            HostLostError: No host can be started, or the one that validated was lost.
        """
        wanted = None if targets is None else tuple(targets)
        replied = await self._request(lambda number: ValidateGraph(number, graph, wanted))
        return _VALIDATION.validate_python(replied.value)

    async def run(self, execution: HostExecution, mesh: MeshCalls, on_event: Callable[[GraphEvent], None]) -> RunResult:
        """Runs a graph to its end. A cancelled call interrupts the graph, as `interrupt` does.

        Args:
            execution: The graph to run.
            mesh: Serves the calls of its nodes, as the execution's owner.
            on_event: Receives its events, in order, in this event loop. The last one is `RunEnded`, also when the host
                is lost, but not when the call is cancelled or no host can be started. A graph that shared a lost host
                runs again, and its events begin anew.

        Returns:
            The result: success, error (with the node that failed) or interrupted.

        Raises:
            HostLostError: The host ended or was killed, or none can be started; see `HostLostError.reason`.
            ValueError: An execution with this id is running.
        """
        if execution.id in self._stops:
            raise ValueError(f"execution {execution.id} runs already")
        stop = self._stops[execution.id] = asyncio.Event()
        running = RunningGraph(execution, mesh, on_event)
        try:
            while True:
                host = await self._begin(running, stop)
                if host is None:
                    return running.interrupted()
                others = len(host.running) - 1
                try:
                    return await self._finish(host, running, stop)
                except HostLostError as error:
                    if others == 0 or error.reason == "TIME_LIMIT":
                        raise running.failed(error.reason, error.message) from error
                    # One of several graphs ended the host. Each runs again by itself, so that only that one fails.
                    running = RunningGraph(execution, mesh, on_event, alone=True)
        finally:
            del self._stops[execution.id]

    def interrupt(self, execution_id: str) -> bool:
        """Ends an execution within 2 seconds, by killing its host if necessary; returns False if it does not run."""
        if stop := self._stops.get(execution_id):
            stop.set()
        return stop is not None

    async def free(self, *, unload_models: bool, free_memory: bool) -> None:
        """Drops cached results and objects of nodes in all hosts, except those of running graphs.

        Either flag has this effect. Models that packs hold in their modules stay loaded.

        Args:
            unload_models: ComfyUI's flag of that name.
            free_memory: Likewise.
        """
        hosts = [host for host in self._staff.hosts if host.usable]
        await asyncio.gather(*(_free(host, unload_models, free_memory) for host in hosts))

    async def http(self, request: PackRequest) -> PackResponse:
        """Serves a request by a route of a pack, in a host.

        Raises:
            HostLostError: No host can be started, or the one that served was lost.
        """
        replied = await self._request(
            lambda number: ServeHttp(number, request.method, request.path, request.query, request.headers, request.body)
        )
        headers = tuple((str(name), str(value)) for name, value in replied.value["headers"])
        return PackResponse(int(replied.value["status"]), headers, replied.data)

    async def _begin(self, running: RunningGraph, stop: asyncio.Event) -> Host | None:
        """Begins a graph in a host in its turn; returns None if it was interrupted before."""
        execution = running.execution

        def choose(hosts: tuple[Host, ...]) -> Host | None:
            classes = {node.get("class_type") for node in execution.prompt.values()}
            exclusive = running.alone or not self._staff.pack_nodes.isdisjoint(classes)
            host = self._choice(hosts, exclusive=exclusive)
            if host is not None:
                folders = None if execution.folders is None else folder_paths(execution.folders)
                message = RunGraph(
                    execution.id, execution.prompt, execution.outputs, execution.extra_data, folders, execution.scope,
                    exclusive,
                )  # fmt: skip
                host.begin(running, message)
            return host

        taking = asyncio.create_task(self._staff.take(choose))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({taking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            host = taking.result() if taking.done() else None
            if host is not None:  # the graph began in the turn in which the call was cancelled
                self._abandon(host, running)
            raise
        finally:
            stopping.cancel()
            if not taking.done():
                taking.cancel()
        return taking.result() if taking.done() else None

    def _choice(self, hosts: tuple[Host, ...], *, exclusive: bool) -> Host | None:
        """Returns the host for a graph: of those that can take it, the one that was used last; None if none can."""
        if exclusive:
            return max((host for host in hosts if host.idle), key=lambda host: host.packs_at, default=None)
        free = [
            host
            for host in hosts
            if host.usable and not host.exclusive and len(host.running) < self._options.graphs_per_host
        ]
        return max(free, key=lambda host: (len(host.running) > 0, host.used_at), default=None)

    async def _finish(self, host: Host, running: RunningGraph, stop: asyncio.Event) -> RunResult:
        """Waits for the end of a running graph, and ends it when it is interrupted or its time limit is exceeded.

        The limit counts from here: a graph that waited for a host has all of its time.
        """
        stopping = asyncio.create_task(stop.wait())
        is_abandoned = False
        try:
            either: set[asyncio.Future[Any]] = {running.ended, stopping}
            limit_s = running.execution.time_limit_s
            await asyncio.wait(either, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if running.ended.done():
                return running.ended.result()
            is_late = not stopping.done()
            if is_late:
                running.mute()
            host.interrupt(running.execution.id)
            await asyncio.wait({running.ended}, timeout=self._options.interrupt_grace_s)
            if is_late:
                message = f"the execution took longer than its {running.execution.time_limit_s:g} s"
                raise HostLostError("TIME_LIMIT", message)
            return running.ended.result() if running.ended.done() else running.interrupted()
        except asyncio.CancelledError:
            is_abandoned = True
            self._abandon(host, running)
            raise
        finally:
            stopping.cancel()
            if not is_abandoned:
                self._leave(host, running)

    def _abandon(self, host: Host, running: RunningGraph) -> None:
        """Interrupts the graph of a cancelled call, and leaves it when it has ended."""
        running.mute()
        host.interrupt(running.execution.id)
        winding_down = asyncio.create_task(self._wind_down(host, running))
        self._winding_down.add(winding_down)
        winding_down.add_done_callback(self._winding_down.discard)

    async def _wind_down(self, host: Host, running: RunningGraph) -> None:
        """Waits for the interrupted graph of a cancelled call to end by itself, and then leaves it."""
        await asyncio.wait({running.ended}, timeout=self._options.interrupt_grace_s)
        self._leave(host, running)

    def _leave(self, host: Host, running: RunningGraph) -> None:
        host.finish(running.execution.id)
        self._staff.notify()

    async def _request(self, make: Callable[[int], ToHost]) -> Replied:
        """Sends a request to the host with the fewest graphs."""
        host = await self._staff.find(_least_busy)
        return await host.request(make, _REQUEST_S)


def _least_busy(hosts: tuple[Host, ...]) -> Host | None:
    usable = [host for host in hosts if host.usable]
    return min(usable, key=lambda host: (len(host.running), -host.used_at), default=None)


async def _free(host: Host, unload_models: bool, free_memory: bool) -> None:
    try:
        await host.request(lambda number: FreeMemory(number, unload_models, free_memory), _REQUEST_S)
    except HostLostError:
        _log.info("a host ended before it freed its memory, which is free now", host=host.pid)
