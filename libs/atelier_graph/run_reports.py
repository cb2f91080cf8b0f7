"""Run reports: the events that an execution publishes, and its outputs for the history."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from atelier_graph.blocker import ExecutionBlocker
from atelier_graph.context import CurrentNode, Report
from atelier_graph.dynamic_prompt import DynamicPrompt
from atelier_graph.errors import RunInterruptedError
from atelier_graph.events import (
    ExecutionBlocked,
    NodeExecuted,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodeStarted,
    Observer,
    RunInterrupted,
)
from atelier_graph.failures import failure_of
from atelier_graph.run_node import RunNode

_EXECUTED_SHOWN = 1_000


class RunReports:
    """Publishes the events of nodes.

    Attributes:
        outputs: The `ui` of each node that has one.
        meta: The place of each of these nodes.
        executed: Ids of the nodes that were called and finished, in order.
    """

    def __init__(
        self, observer: Observer, dynamic: DynamicPrompt, *, prompt_id: str, check_interrupt: Callable[[], None]
    ) -> None:
        self.outputs: dict[str, dict[str, Any]] = {}
        self.meta: dict[str, dict[str, Any]] = {}
        self.executed: list[str] = []
        self._observer = observer
        self._dynamic = dynamic
        self._prompt_id = prompt_id
        self._check_interrupt = check_interrupt

    def started(self, node_id: str) -> None:
        """Publishes that a node is about to be called."""
        place = self._dynamic.place(node_id)
        self._observer.publish(NodeStarted(place.node, place.display_node, place.parent, place.real))

    def finished(self, node_id: str) -> None:
        """Publishes that a node has all of its outputs."""
        place = self._dynamic.place(node_id)
        self._observer.publish(NodeFinished(place.node, place.display_node, place.parent, place.real))

    def ui(self, node_id: str, ui: dict[str, Any] | None) -> None:
        """Publishes the `ui` of a node; None for an output node whose cached result has none."""
        place = self._dynamic.place(node_id)
        if ui is not None:
            self.outputs[node_id], self.meta[node_id] = ui, place.to_meta()
        self._observer.publish(NodeExecuted(place.node, place.display_node, place.parent, place.real, ui))

    def on_blocked(self, node: RunNode) -> Callable[[ExecutionBlocker], ExecutionBlocker]:
        """Returns a function that publishes the message of a blocker that the node receives, and returns the blocker to
        pass on: without the message, which so is published once."""

        def report(blocker: ExecutionBlocker) -> ExecutionBlocker:
            if blocker.message is None:
                return blocker
            executed = self.executed[-_EXECUTED_SHOWN:]
            self._observer.publish(ExecutionBlocked(node.id, node.class_type, executed, str(blocker.message)))
            return ExecutionBlocker(None)

        return report

    def stopped(self, node_id: str, error: BaseException, received: Mapping[str, Sequence[Any]]) -> NodeFailed | None:
        """Publishes that a node failed, or that the execution was interrupted at it.

        Args:
            node_id: The node; the event names the node of the prompt that it comes from.
            error: What it raised.
            received: The values of its inputs.

        Returns:
            The failure; None for an interrupt.
        """
        real = self._dynamic.place(node_id).real
        class_type = self._dynamic.prompt.class_of(real)
        if isinstance(error, RunInterruptedError):
            self._observer.publish(RunInterrupted(real, class_type, list(self.executed)))
            return None
        failure = failure_of(
            error,
            node_id=real,
            node_type=class_type,
            inputs=received,
            executed=self.executed,
            with_outputs=self.executed,
        )
        self._observer.publish(failure)
        return failure

    def context(self, node_id: str, index: int) -> CurrentNode:
        """Returns the context of one call of a node."""
        return CurrentNode(self._prompt_id, node_id, index, self._report(node_id), self._check_interrupt)

    def _report(self, own_id: str) -> Report:
        def report(
            value: float,
            max: float,  # noqa: A002 - the port's signature
            *,
            preview: bytes | None = None,
            preview_type: str = "image/jpeg",
            node_id: str | None = None,
        ) -> None:
            self._check_interrupt()
            place = self._dynamic.place(own_id if node_id is None else node_id)
            where = (place.node, place.display_node, place.parent, place.real)
            self._observer.publish(NodeProgress(*where, value, max, preview, preview_type))

        return report
