"""Progress of an execution on a terminal: a bar for each node that runs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from atelier_client.console import NoProgress, ProgressLines

if TYPE_CHECKING:
    from atelier.jobs.v1.job_pb2 import Progress


class NodeBars:
    """One bar for all nodes, and one for each node that counts steps."""

    def __init__(self, drawn: Any) -> None:
        self._drawn = drawn
        self._all = drawn.add_task("queued", total=None)
        self._nodes: dict[str, Any] = {}

    def show(self, state: str, progress: "Progress") -> None:
        """Updates the bars."""
        from atelier.workflow.v1.execution_pb2 import ExecutionProgress

        detail = ExecutionProgress()
        progress.detail.Unpack(detail)
        total = detail.nodes_total if state in ("RUNNING", "SUCCEEDED") and detail.nodes_total else None
        word = "nodes" if state == "RUNNING" else state.lower()
        self._drawn.update(self._all, description=word, completed=detail.nodes_done, total=total)
        running = {node.node_id for node in detail.running}
        for node in detail.running:
            if node.steps and node.node_id not in self._nodes:
                self._nodes[node.node_id] = self._drawn.add_task(f"{node.class_type} {node.node_id}", total=node.steps)
            if node.node_id in self._nodes:
                self._drawn.update(self._nodes[node.node_id], completed=node.step, total=node.steps or None)
        for node_id in self._nodes.keys() - running:
            self._drawn.remove_task(self._nodes.pop(node_id))


@contextmanager
def node_bars(*, quiet: bool = False) -> Iterator[NodeBars | ProgressLines | NoProgress]:
    """Opens progress bars when stderr is a terminal; otherwise lines, or nothing if `quiet`."""
    if not sys.stderr.isatty():
        yield NoProgress() if quiet else ProgressLines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<24.24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        yield NodeBars(drawn)
