"""Execution progress: events of nodes, summed up for watchers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import Counter

from atelier.workflow.v1 import execution_pb2
from atelier_graph.events import (
    GraphEvent,
    NodeExecuted,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodesCached,
    NodeStarted,
)
from atelier_jobs.domain.progress import Progress
from atelier_jobs.wire.progress_messages import pack_detail
from atelier_jobs.worker.attempt import Attempt

Event = execution_pb2.ExecutionProgress

_MOST_RUNNING = 16
_LONGEST_NAME, _LONGEST_MESSAGE = 64, 1000
_MOST_BYTES = 4000  # the plane passes on no larger detail

_NODES = Counter("atelier_workflow_nodes_total", "Nodes of executions, by what happened to them.", ["event"])


@dataclass(slots=True)
class _Running:
    class_type: str
    step: float = 0.0
    steps: float = 0.0

    @property
    def share(self) -> float:
        return min(1.0, self.step / self.steps) if self.steps > 0 else 0.0


class ExecutionProgress:
    """Reports the events of one attempt's nodes as its progress, which never decreases."""

    def __init__(self, attempt: Attempt, prompt: Mapping[str, Any], node_count: int) -> None:
        """
        Args:
            attempt: The attempt, which reports the progress.
            prompt: The graph, for the classes of its nodes.
            node_count: Number of nodes in the graph, including any that no target needs; nodes of expansions add to it.
        """
        self._attempt = attempt
        self._classes = {node_id: str(node.get("class_type", "")) for node_id, node in prompt.items()}
        self._total = max(1, node_count)
        self._running: dict[str, _Running] = {}
        self._done = set[str]()
        self._cached = 0
        self._expanded = set[str]()
        self._fraction = 0.0
        self._failure: NodeFailed | None = None

    def take(self, event: GraphEvent) -> None:
        """Takes an event of the graph and reports the new progress."""
        match event:
            case NodesCached(nodes):
                self._cached += len(nodes)
                self._done.update(nodes)
                _NODES.labels("cached").inc(len(nodes))
                if nodes:
                    self._report(Event.NODES_CACHED, nodes[0])
            case NodeStarted():
                if event.parent is not None and event.node not in self._expanded:
                    self._expanded.add(event.node)
                    self._total += 1
                self._running.setdefault(event.node, _Running(self._classes.get(event.real, "")))
                self._report(Event.NODE_STARTED, event.real)
            case NodeProgress():
                running = self._running.setdefault(event.node, _Running(self._classes.get(event.real, "")))
                running.step, running.steps = event.value, event.max
                preview = event.preview or b""
                self._report(Event.NODE_PROGRESS, event.real, running, preview, event.preview_type)
            case NodeExecuted():
                self._report(Event.NODE_OUTPUT, event.real)
            case NodeFinished():
                self._running.pop(event.node, None)
                self._done.add(event.node)
                _NODES.labels("finished").inc()
                self._report(Event.NODE_FINISHED, event.real)
            case NodeFailed():
                self._failure = event
                _NODES.labels("failed").inc()
                self._report(Event.NODE_ERROR, event.node_id)
            case _:
                pass

    def fail(self, node_id: str, node_type: str, reason: str, message: str) -> None:
        """Reports a node whose host process was lost."""
        self.take(NodeFailed(node_id, node_type, [], reason, message))

    def _report(
        self,
        event: execution_pb2.ExecutionProgress.Event.ValueType,
        node_id: str,
        running: _Running | None = None,
        preview: bytes = b"",
        preview_type: str = "image/jpeg",
    ) -> None:
        begun = sum(each.share for each in self._running.values())
        self._fraction = max(self._fraction, min(1.0, (len(self._done) + begun) / self._total))
        done = min(len(self._done), self._total)
        detail = Event(
            nodes_done=done,
            nodes_total=self._total,
            nodes_cached=self._cached,
            fraction=self._fraction,
            event=event,
            node_id=node_id[:_LONGEST_NAME],
            class_type=self._classes.get(node_id, "")[:_LONGEST_NAME],
            step=int(running.step) if running else 0,
            steps=int(running.steps) if running else 0,
        )
        for name, each in list(self._running.items())[:_MOST_RUNNING]:
            detail.running.add(
                node_id=name[:_LONGEST_NAME], class_type=each.class_type[:_LONGEST_NAME],
                step=int(each.step), steps=int(each.steps),
            )  # fmt: skip
        if self._failure is not None:
            detail.failure.CopyFrom(
                execution_pb2.NodeFailure(
                    node_id=self._failure.node_id[:_LONGEST_NAME],
                    class_type=self._failure.node_type[:_LONGEST_NAME],
                    type=self._failure.exception_type[:_LONGEST_NAME],
                    message=self._failure.exception_message[:_LONGEST_MESSAGE],
                )
            )
        packed = pack_detail(detail)
        if len(packed) > _MOST_BYTES:
            detail.ClearField("running")
            packed = pack_detail(detail)
        progress = Progress(
            stage="nodes", done=done, total=self._total, unit="node", fraction=self._fraction, detail=packed
        )
        self._attempt.report(progress, preview=preview, preview_content_type=preview_type)
