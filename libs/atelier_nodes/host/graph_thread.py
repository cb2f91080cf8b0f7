"""A graph thread: one graph runs in a thread of its own, with an event loop of its own."""

import asyncio
import os
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

from atelier_graph.events import GraphEvent, RunStarted
from atelier_graph.execution import GraphRunner, RunResult
from atelier_graph.limits import GraphLimits
from atelier_graph.prompt import parse_prompt
from atelier_nodes.host.event_sender import EventSender
from atelier_nodes.host.guardian import processes_of_host
from atelier_nodes.host.mesh_calls import HostMesh
from atelier_nodes.mesh import use_mesh
from atelier_nodes.packs.folders import NodeFolders, execution_folders
from atelier_nodes.protocol.messages import RunGraph

_LEFTOVERS_S = 0.2
_CLOSE_S = 0.2


class GraphThread:
    """Runs one graph. The receiving thread starts and interrupts it."""

    def __init__(
        self,
        message: RunGraph,
        runner: GraphRunner,
        mesh: HostMesh,
        sender: EventSender,
        folders: NodeFolders,
        limits: GraphLimits,
        confine: Callable[[], None],
        on_end: Callable[[RunResult, tuple[str, ...]], None],
    ) -> None:
        """Makes a thread that has not started.

        Args:
            message: The graph to run.
            runner: Runs it.
            mesh: Serves the calls of its nodes.
            sender: Receives its events.
            folders: Its folders.
            limits: Limits on the graph.
            confine: Called first in the thread; restricts what the thread may do.
            on_end: Called in the thread with the result, and with the processes that the graph left running.
        """
        self._message = message
        self._runner = runner
        self._mesh = mesh
        self._sender = sender
        self._folders = folders
        self._limits = limits
        self._confine = confine
        self._on_end = on_end
        self._interrupted = False
        self._thread = threading.Thread(target=self._run, name=f"graph-{message.execution}", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def interrupt(self) -> None:
        """Interrupts the graph before its next node, at its next progress, and where its nodes wait for the mesh."""
        self._interrupted = True
        self._runner.interrupt()

    def publish(self, event: GraphEvent) -> None:
        """Passes an event on; an interrupt before the runner began is repeated at the first event."""
        if isinstance(event, RunStarted) and self._interrupted:
            self._runner.interrupt()
        self._sender.publish(event)

    def _run(self) -> None:
        """Runs the graph. Ends the process if that fails: the pool would wait forever."""
        try:
            self._confine()
            self._run_in_loop()
        except BaseException:  # noqa: BLE001 - there is no caller that could handle it
            traceback.print_exc()
            os._exit(1)

    def _run_in_loop(self) -> None:
        before = processes_of_host()
        loop = asyncio.new_event_loop()
        workers = ThreadPoolExecutor(thread_name_prefix=f"graph-{self._message.execution}")
        loop.set_default_executor(workers)
        try:
            result = loop.run_until_complete(self._execute())
        finally:
            _close(loop)
            workers.shutdown(wait=False, cancel_futures=True)
        self._on_end(result, self._leftovers(before) if self._message.exclusive else ())

    async def _execute(self) -> RunResult:
        message = self._message
        with use_mesh(self._mesh), execution_folders(self._folders), torch.inference_mode():
            prompt = parse_prompt(dict(message.prompt), self._limits)
            return await self._runner.run(
                prompt, message.outputs, self, prompt_id=message.execution, extra_data=message.extra_data
            )

    def _leftovers(self, before: set[int]) -> tuple[str, ...]:
        """Returns the processes that the graph started and that still run after 0.2 s.

        Threads are not counted: packs often have threads that run between graphs.
        """
        until = time.monotonic() + _LEFTOVERS_S
        while (left := processes_of_host() - before) and time.monotonic() < until:
            time.sleep(0.005)
        return tuple(f"process {pid}" for pid in sorted(left))


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Cancels the tasks that nodes left in a loop, and closes the loop."""
    asyncio.set_event_loop(None)
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=_CLOSE_S))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
