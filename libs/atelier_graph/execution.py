"""Executions: running the output nodes of a validated prompt."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atelier_graph.cache_entry import NodeCache
from atelier_graph.errors import RunInterruptedError
from atelier_graph.events import NodeFailed, Observer, RunEnded, RunInterrupted, RunStarted, Status
from atelier_graph.interruption import Interruption
from atelier_graph.limits import GraphLimits
from atelier_graph.node_classes import NodeClasses
from atelier_graph.node_objects import NodeObjects
from atelier_graph.prompt import Prompt
from atelier_graph.run import Run, RunStopped


@dataclass(frozen=True, slots=True)
class RunResult:
    """The outcome of an execution.

    Attributes:
        status: How it ended.
        outputs: The `ui` of each node that has one; after a failure, of the nodes that ran before it.
        meta: The place of each of these nodes, as the history shows it.
        error: The failure, when the status is "error".
    """

    status: Status
    outputs: dict[str, dict[str, Any]]
    meta: dict[str, dict[str, Any]]
    error: NodeFailed | None = None


class GraphRunner:
    """Executes prompts, one at a time, on the event loop that it is called on.

    Synchronous nodes are called directly and block that loop: it should have nothing else to do.

    Args:
        classes: The node classes.
        cache: Results of nodes; may be shared with other runners.
        objects: Instances of node classes, likewise.
        limits: What an execution may take.
    """

    def __init__(
        self, classes: Mapping[str, type], cache: NodeCache, objects: NodeObjects, limits: GraphLimits
    ) -> None:
        self._classes = classes
        self._cache = cache
        self._objects = objects
        self._limits = limits
        self._lock = threading.Lock()
        self._interruption: Interruption | None = None

    async def run(
        self,
        prompt: Prompt,
        outputs: Sequence[str],
        observer: Observer,
        *,
        prompt_id: str,
        extra_data: Mapping[str, Any],
    ) -> RunResult:
        """Executes a prompt. A failure of a node is a result, not an exception.

        Args:
            prompt: The prompt, as validated.
            outputs: The output nodes to run.
            observer: Receives the events.
            prompt_id: Identifies the execution.
            extra_data: What was submitted beside the prompt; source of hidden inputs.

        Returns:
            How it ended, and what its nodes show.

        Raises:
            RuntimeError: Another execution is running.
        """
        with self._lock:
            if self._interruption is not None:
                raise RuntimeError("This runner is executing another prompt")
            self._interruption = interruption = Interruption(self._limits.seconds)
        run = Run(
            prompt,
            NodeClasses(self._classes),
            self._cache,
            self._objects,
            self._limits,
            observer=observer,
            interruption=interruption,
            prompt_id=prompt_id,
            extra_data=extra_data,
        )
        status: Status = "success"
        error = None
        try:
            observer.publish(RunStarted())
            await run.execute(outputs)
        except RunStopped as stopped:
            error = stopped.failure
            status = "interrupted" if error is None else "error"
        except RunInterruptedError:  # before the first node, in an IS_CHANGED
            status = "interrupted"
            observer.publish(RunInterrupted("", "", []))
        finally:
            with self._lock:
                self._interruption = None
        observer.publish(RunEnded(status))
        return RunResult(status, run.reports.outputs, run.reports.meta, error)

    def interrupt(self) -> None:
        """Interrupts the running execution at its next call of a node, progress update or wait. Thread-safe."""
        with self._lock:
            if self._interruption is not None:
                self._interruption.set()
