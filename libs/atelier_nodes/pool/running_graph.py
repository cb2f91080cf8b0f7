"""Running graphs: the pool's state of an execution, with the nodes that run and the outputs so far."""

import asyncio
from collections.abc import Callable
from typing import Any

from atelier_graph.events import (
    GraphEvent,
    NodeExecuted,
    NodeFailed,
    NodeFinished,
    NodeStarted,
    RunEnded,
    RunInterrupted,
)
from atelier_graph.execution import RunResult
from atelier_nodes.mesh import MeshCalls
from atelier_nodes.pool.errors import HostLostError
from atelier_nodes.protocol.execution import HostExecution

OnEvent = Callable[[GraphEvent], None]


class RunningGraph:
    """Passes on the events of one execution, and publishes the last ones itself when its host is lost."""

    def __init__(self, execution: HostExecution, mesh: MeshCalls, on_event: OnEvent, *, alone: bool = False) -> None:
        """Makes the state of a graph that has not begun.

        Args:
            execution: What runs.
            mesh: What serves the calls of its nodes.
            on_event: Receives its events.
            alone: True if it must not share a host, whatever its nodes are.
        """
        self.execution = execution
        self.mesh = mesh
        self.alone = alone
        self.ended: asyncio.Future[RunResult] = asyncio.get_running_loop().create_future()
        self._on_event = on_event
        self._muted = False
        self._current: dict[str, NodeStarted] = {}
        self._finished: list[str] = []
        self._outputs: dict[str, Any] = {}
        self._meta: dict[str, dict[str, Any]] = {}

    def take(self, event: GraphEvent) -> None:
        """Takes an event of the host and passes it on; an error of the receiver ends the execution."""
        if self._muted:
            return
        match event:
            case NodeStarted():
                self._current[event.node] = event
            case NodeFinished():
                self._current.pop(event.node, None)
                self._finished.append(event.node)
            case NodeExecuted() if event.ui is not None:
                self._outputs[event.node] = event.ui
                self._meta[event.node] = {
                    "node_id": event.node,
                    "display_node": event.display_node,
                    "parent_node": event.parent,
                    "real_node_id": event.real,
                }
        self._pass_on(event)

    def mute(self) -> None:
        """Drops events from now on."""
        self._muted = True

    def end(self, result: RunResult) -> None:
        """Sets the result that the host sent."""
        if not self.ended.done():
            self.ended.set_result(result)

    def lose(self, error: BaseException) -> None:
        """Sets an error: the host was lost, or the receiver of events failed."""
        if not self.ended.done():
            self.ended.set_exception(error)

    def interrupted(self) -> RunResult:
        """Publishes the last events of an execution that did not end by itself after an interrupt.

        Returns:
            Its result.
        """
        self._muted = True
        node_id, node_type = self._culprit()
        self._pass_on(RunInterrupted(node_id, node_type, list(self._finished)))
        self._pass_on(RunEnded("interrupted"))
        return RunResult("interrupted", self._outputs, self._meta, None)

    def failed(self, reason: str, message: str) -> HostLostError:
        """Publishes the last events of an execution whose host was lost: the running node failed.

        Args:
            reason: The reason of the error.
            message: What happened, for display.

        Returns:
            The error for the caller.
        """
        self._muted = True
        node_id, node_type = self._culprit()
        self._pass_on(
            NodeFailed(
                node_id=node_id,
                node_type=node_type,
                executed=list(self._finished),
                exception_type=reason,
                exception_message=message,
                current_outputs=list(self._finished),
            )
        )
        self._pass_on(RunEnded("error"))
        where = f"node {node_id} ({node_type}): " if node_id else ""
        return HostLostError(reason, f"{where}{message}", node_id, node_type)

    def _culprit(self) -> tuple[str, str]:
        """Returns the node of the prompt that was started last and has not finished, and its class; empty if none."""
        if not self._current:
            return "", ""
        node_id = next(reversed(self._current.values())).real
        node = self.execution.prompt.get(node_id, {})
        return node_id, str(node.get("class_type", ""))

    def _pass_on(self, event: GraphEvent) -> None:
        try:
            self._on_event(event)
        except Exception as error:  # noqa: BLE001 - raised to the caller, whose function it is
            self._muted = True
            self.lose(error)
