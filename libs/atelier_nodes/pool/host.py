"""A host: one process that runs graphs, and the graphs that it runs."""

import asyncio
import itertools
import time
from collections.abc import Callable

import structlog

from atelier_nodes.mesh import MeshCalls
from atelier_nodes.pool.errors import HostLostError
from atelier_nodes.pool.host_process import HostProcess
from atelier_nodes.pool.mesh_desk import MeshDesk
from atelier_nodes.pool.running_graph import RunningGraph
from atelier_nodes.protocol.frames import ProtocolError
from atelier_nodes.protocol.graph_event import read_event, read_result
from atelier_nodes.protocol.messages import (
    FromHost,
    GraphEnded,
    GraphHappened,
    HostLoaded,
    InterruptGraph,
    MeshAbandoned,
    MeshAsked,
    PackMessage,
    Ping,
    Refused,
    Replied,
    RunGraph,
    ToHost,
)

_log = structlog.get_logger(__name__)

_LAST_MESSAGES_S = 0.5

OnMessage = Callable[[PackMessage], None]


class RequestRefusedError(Exception):
    """A host could not serve a request; the message says why."""


class Host:
    """One host process, from its start to its end.

    Attributes:
        loaded: The host's report when its nodes were loaded; None before.
        running: The graphs that run in it, by execution.
        exclusive: True while it runs a graph that must not share the host.
        retired: True if it receives no more graphs; it ends when its graphs have ended.
        reason_of_death: The reason with which its graphs fail when the process ends.
        lost: Set when the process has ended.
        how: How it ended, for messages; empty before.
        packs_at: When it last began a graph that must not share a host, on the monotonic clock.
        used_at: When it last began or ended any graph.
    """

    def __init__(self, process: HostProcess, on_message: OnMessage) -> None:
        self._process = process
        self._on_message = on_message
        self._numbers = itertools.count(1)
        self._requests: dict[int, asyncio.Future[Replied]] = {}
        self._desk = MeshDesk(self._send, self._mesh_of)
        self.loaded: HostLoaded | None = None
        self.running: dict[str, RunningGraph] = {}
        self.exclusive = False
        self.retired = False
        self.reason_of_death = "HOST_LOST"
        self.lost = asyncio.Event()
        self.how = ""
        self.packs_at = self.used_at = 0.0
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks = [asyncio.create_task(work) for work in (self._receive(), self._watch())]

    @property
    def pid(self) -> int:
        """The process id of its guardian."""
        return self._process.guardian

    @property
    def idle(self) -> bool:
        """True if it is usable and runs no graph."""
        return self.usable and not self.running

    @property
    def usable(self) -> bool:
        """True if it has loaded its nodes and may receive graphs."""
        return self.loaded is not None and not self.retired and not self.lost.is_set()

    async def until_ready(self, limit_s: float) -> None:
        """Waits until the host has loaded its nodes.

        Raises:
            HostLostError: The process ended before, or took too long: HOST_NOT_STARTED.
        """
        try:
            async with asyncio.timeout(limit_s):
                await asyncio.shield(self._ready)
        except TimeoutError:
            self.kill()
            raise HostLostError("HOST_NOT_STARTED", f"the host was not ready within {limit_s:g} s") from None

    async def request(self, make: Callable[[int], ToHost], limit_s: float) -> Replied:
        """Sends a request and waits for its reply.

        Args:
            make: Makes the request, given its number.
            limit_s: The longest time to wait, in seconds.

        Raises:
            RequestRefusedError: The host could not serve it.
            HostLostError: The host ended meanwhile.
            TimeoutError: It did not reply in time.
        """
        number = next(self._numbers)
        future: asyncio.Future[Replied] = asyncio.get_running_loop().create_future()
        self._requests[number] = future
        try:
            if self.lost.is_set():
                raise HostLostError("HOST_LOST", f"the host ended ({self.how})")
            self._send(make(number))
            async with asyncio.timeout(limit_s):
                return await future
        finally:
            del self._requests[number]

    def begin(self, running: RunningGraph, message: RunGraph) -> None:
        """Starts a graph; its result is set in `running.ended`."""
        self.running[message.execution] = running
        self.exclusive = message.exclusive
        self.used_at = time.monotonic()
        if message.exclusive:
            self.packs_at = self.used_at
        self._send(message)

    def interrupt(self, execution: str) -> None:
        """Requests that the graph stops before its next node or at its next progress."""
        self._send(InterruptGraph(execution))

    def finish(self, execution: str) -> None:
        """Removes a graph that the pool no longer waits for.

        If it still runs, it is interrupted and the host is retired: the host is killed once no other graph runs there.
        """
        running = self.running.pop(execution)
        self._desk.end(execution)
        self.exclusive = False
        self.used_at = time.monotonic()
        if running.ended.done():
            running.ended.exception()  # marked as retrieved: there may be no waiter any more
        else:
            self.interrupt(execution)
            self.retired = True
        if self.retired and not self.running:
            self.kill()

    async def responds(self, limit_s: float) -> bool:
        """Returns True if the host's receiving thread replies in time."""
        try:
            await self.request(Ping, limit_s)
        except (TimeoutError, HostLostError):
            return False
        return True

    def send(self, message: ToHost) -> None:
        """Sends a message without a reply."""
        self._send(message)

    def kill(self, reason: str = "HOST_LOST") -> None:
        """Kills the process and all that it started; its graphs fail with `reason`."""
        if not self.lost.is_set():
            self.reason_of_death = reason
        self.retired = True
        self._process.kill()

    async def end(self) -> None:
        """Ends the process, and waits until it has ended."""
        self.retired = True
        await self._process.end()
        await asyncio.gather(*self._tasks)

    def _send(self, message: ToHost) -> None:
        self._process.socket.send(message)

    def _mesh_of(self, execution: str) -> MeshCalls | None:
        running = self.running.get(execution)
        return None if running is None else running.mesh

    async def _receive(self) -> None:
        try:
            while (message := await self._process.socket.receive()) is not None:
                self._handle(message)
        except ProtocolError as error:
            _log.error("a host sent what is no message, and is ended", host=self.pid, fault=str(error)[:500])
            self._process.kill()
        # A node may have closed the host's end of the socket; then the host cannot be used any more.
        self.how = await self._process.end()
        self.retired = True
        self.lost.set()
        self._desk.end()
        error_text = f"the process that ran the node ended ({self.how})"
        for running in self.running.values():
            running.lose(HostLostError(self.reason_of_death, error_text))
        for future in self._requests.values():
            if not future.done():
                future.set_exception(HostLostError("HOST_LOST", f"the host ended ({self.how})"))
        if not self._ready.done():
            self._ready.set_exception(
                HostLostError("HOST_NOT_STARTED", f"the host ended before it was ready ({self.how})")
            )
            self._ready.exception()  # marked as retrieved: there may be no waiter

    async def _watch(self) -> None:
        """Closes the socket when the process has ended: a process that a node started may hold the other end open."""
        await asyncio.shield(self._process.exited)
        try:
            async with asyncio.timeout(_LAST_MESSAGES_S):
                await self.lost.wait()
        except TimeoutError:
            self._process.socket.close()

    def _handle(self, message: FromHost) -> None:
        match message:
            case GraphHappened():
                self._pass_on(message)
            case GraphEnded():
                self._end_graph(message)
            case MeshAsked():
                self._desk.ask(message)
            case MeshAbandoned():
                self._desk.abandon(message.number)
            case Replied() | Refused():
                self._settle(message)
            case HostLoaded():
                self.loaded = message
                if not self._ready.done():
                    self._ready.set_result(None)
            case PackMessage():
                self._on_message(message)

    def _pass_on(self, message: GraphHappened) -> None:
        running = self.running.get(message.execution)
        if running is None:
            return
        *before, last = message.events
        for event in before:
            running.take(read_event(dict(event), b""))
        running.take(read_event(dict(last), message.data))

    def _end_graph(self, message: GraphEnded) -> None:
        if message.leftovers:
            _log.warning("a graph left something behind in its host, which is replaced", left=message.leftovers)
            self.retired = True
        if running := self.running.get(message.execution):
            running.end(read_result(message))

    def _settle(self, message: Replied | Refused) -> None:
        future = self._requests.get(message.number)
        if future is None or future.done():
            return
        if isinstance(message, Refused):
            future.set_exception(RequestRefusedError(message.message))
        else:
            future.set_result(message)
