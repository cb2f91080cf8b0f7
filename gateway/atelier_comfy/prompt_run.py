"""Prompt runs: convert the events of one execution to messages for clients and to its entry in the history."""

from collections.abc import Callable, Mapping
from typing import Any

from atelier_comfy.binary_message import preview_message, preview_with_metadata, text_of_node
from atelier_comfy.client_socket import Messages, text_message
from atelier_comfy.node_pool import RunOutcome
from atelier_comfy.node_states import NodeStates
from atelier_comfy.outbox import Progress
from atelier_comfy.prompt import Ended, Prompt
from atelier_graph.events import (
    CustomMessage,
    ExecutionBlocked,
    GraphEvent,
    NodeExecuted,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodesCached,
    NodeStarted,
    NodeText,
    RunInterrupted,
    RunStarted,
)
from atelier_nodes.pool.errors import HostLostError

_PREVIEW_METADATA = "supports_preview_metadata"


class PromptRun:
    """One prompt while it runs.

    Messages go to the client that submitted it, interrupts to all clients. Without a client, progress and messages of
    packs go to all clients, and other messages to none.
    """

    def __init__(self, prompt: Prompt, messages: Messages, now_ms: Callable[[], int]) -> None:
        self.prompt = prompt
        self._messages = messages
        self._now_ms = now_ms
        self._states = NodeStates(prompt.id)
        self._history: list[tuple[str, Mapping[str, Any]]] = []
        self._started_ms = now_ms()
        self._executing: str | None = None
        self._ended = False
        self._error: Mapping[str, Any] | None = None

        self.is_stopped = False
        """An interrupt was requested."""

    def publish(self, event: GraphEvent) -> None:
        """Sends the messages of an event."""
        match event:
            case RunStarted():
                self._send_dated("execution_start", {})
            case NodesCached(nodes):
                self._send_dated("execution_cached", {"nodes": nodes})
            case NodeStarted(node, display_node, parent, real):
                self._executing = node
                self._progress(
                    self._states.set(node, "running", display_id=display_node, parent_id=parent, real_id=real)
                )
                self._send("executing", {"node": node, "display_node": display_node, **self._prompt_id})
            case NodeProgress():
                self._publish_progress(event)
            case NodeExecuted(node, display_node, _, _, ui):
                self._send("executed", {"node": node, "display_node": display_node, "output": ui, **self._prompt_id})
            case NodeFinished(node):
                self._progress(self._states.set(node, "finished"))
            case NodeText(node, text):
                self._progress(Progress(f"text {self.prompt.id} {node}", text_of_node(node, text)))
            case CustomMessage(kind, data, broadcast):
                self._send_custom(kind, data, to_all=broadcast)
            case ExecutionBlocked(node_id, node_type, executed, message):
                self._send_dated("execution_error", _failure(node_id, node_type, executed, "ExecutionBlocked", message))
            case NodeFailed():
                self._fail(event)
            case RunInterrupted(node_id, node_type, executed):
                self._interrupt(node_id, node_type, executed)
            case _:
                pass  # RunEnded: the result says more

    def end(self, result: RunOutcome) -> Ended:
        """Sends the last message of the execution, and returns its end for the history."""
        if result.status == "success":
            self._send_dated("execution_success", {})
        elif result.status == "interrupted" and not self._ended:
            self._interrupt(self._executing or "", self._class_of(self._executing), [])
        return self._entry(result.status, result.outputs, result.meta)

    def end_interrupted(self) -> Ended:
        """Like `end`, for a prompt that was interrupted before it ran."""
        self._interrupt("", "", [])
        return self._entry("interrupted", {}, {})

    def end_lost(self, error: HostLostError) -> Ended:
        """Like `end`, for an execution whose host was lost."""
        node_id = self._states.of(error.node_id or self._executing or "")["display_node_id"]
        kind = error.node_type or self._class_of(node_id)
        self._fail(NodeFailed(node_id, kind, [], error.reason, error.message))
        return self._entry("error", {}, {})

    def end_failed(self, kind: str, message: str) -> Ended:
        """Like `end`, for a prompt that failed outside of its nodes."""
        self._fail(NodeFailed("", "", [], kind, message))
        return self._entry("error", {}, {})

    def now(self) -> list[str | Progress]:
        """Returns messages for a client that reconnects: the states of all nodes, and the last started node."""
        executing = self._executing
        if executing is None:
            return []
        display = self._states.of(executing)["display_node_id"]
        return [
            self._states.all(),
            text_message("executing", {"node": executing, "display_node": display, **self._prompt_id}),
        ]

    @property
    def _prompt_id(self) -> dict[str, str]:
        return {"prompt_id": self.prompt.id}

    def _publish_progress(self, event: NodeProgress) -> None:
        node = event.node
        self._progress(
            self._states.set(
                node,
                "running",
                value=event.value,
                maximum=event.max,
                display_id=event.display_node,
                parent_id=event.parent,
                real_id=event.real,
            )
        )
        data = {"value": event.value, "max": event.max, **self._prompt_id, "node": node}
        self._progress(Progress(f"progress {self.prompt.id} {node}", text_message("progress", data)))
        if event.preview:
            self._preview(node, event.preview)

    def _preview(self, node: str, picture: bytes) -> None:
        key = f"preview {self.prompt.id} {node}"
        client = self.prompt.client_id
        if client is not None and self._messages.supports(client, _PREVIEW_METADATA):
            ids = self._states.of(node)
            names = ("node_id", "display_node_id", "parent_node_id", "real_node_id")
            metadata = {**{name: ids[name] for name in names}, **self._prompt_id}
            self._progress(Progress(key, preview_with_metadata(picture, metadata)))
        else:
            self._progress(Progress(key, preview_message(picture)))

    def _fail(self, event: NodeFailed) -> None:
        if self._ended:
            return
        self._ended = True
        if event.node_id:
            self._progress(self._states.set(event.node_id, "error"))
        self._error = {
            **_failure(event.node_id, event.node_type, event.executed, event.exception_type, event.exception_message),
            "traceback": event.traceback,
            "current_inputs": event.current_inputs,
            "current_outputs": event.current_outputs,
        }
        self._error = self._send_dated("execution_error", self._error)

    def _interrupt(self, node_id: str, node_type: str, executed: list[str]) -> None:
        if self._ended:
            return
        self._ended = True
        data = {"node_id": node_id, "node_type": node_type, "executed": executed}
        self._send_dated("execution_interrupted", data, to_all=True)

    def _entry(self, outcome: str, outputs: Mapping[str, Any], meta: Mapping[str, Any]) -> Ended:
        return Ended(outcome, outputs, meta, self._history, self._started_ms, self._now_ms(), self._error)

    def _class_of(self, node_id: str | None) -> str:
        node = self.prompt.graph.get(self._states.of(node_id or "")["real_node_id"])
        return str(node["class_type"]) if node else ""

    def _send_dated(self, kind: str, data: Mapping[str, Any], *, to_all: bool = False) -> Mapping[str, Any]:
        dated = {**data, **self._prompt_id, "timestamp": self._now_ms()}
        self._history.append((kind, dated))
        if to_all:
            self._messages.broadcast(text_message(kind, dated))
        else:
            self._send(kind, dated)
        return dated

    def _send_custom(self, kind: str, data: Any, *, to_all: bool) -> None:
        message = text_message(kind, data)
        if to_all or self.prompt.client_id is None:
            self._messages.broadcast(message)
        else:
            self._messages.send(self.prompt.client_id, message)

    def _send(self, kind: str, data: Mapping[str, Any]) -> None:
        if self.prompt.client_id is not None:
            self._messages.send(self.prompt.client_id, text_message(kind, data))

    def _progress(self, message: Progress) -> None:
        if self.prompt.client_id is None:
            self._messages.broadcast(message)
        else:
            self._messages.send(self.prompt.client_id, message)


def _failure(node_id: str, node_type: str, executed: list[str], kind: str, message: str) -> dict[str, Any]:
    return {
        "node_id": node_id,
        "node_type": node_type,
        "executed": executed,
        "exception_message": message,
        "exception_type": kind,
        "traceback": [],
        "current_inputs": {},
        "current_outputs": [],
    }
