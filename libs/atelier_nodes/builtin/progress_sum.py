"""Progress sums: one node's progress, of the steps of all its jobs together."""

from __future__ import annotations

from contextlib import suppress

from atelier_graph.context import Report
from atelier_graph.errors import RunInterruptedError
from atelier_nodes.mesh import MeshProgress, OnMeshProgress


class ProgressSum:
    """Sums the progress of jobs and reports it as that of their node."""

    def __init__(self, report: Report | None, steps: int = 0) -> None:
        """Creates a sum of nothing.

        Args:
            report: Where the sum goes; None drops it.
            steps: Steps of all jobs together, if they are known beforehand; otherwise those of jobs that have begun.
        """
        self._report = report
        self._steps = steps
        self._parts: list[MeshProgress] = []

    def part(self) -> OnMeshProgress:
        """Progress of one more job."""
        index = len(self._parts)
        self._parts.append(MeshProgress(0, 0))

        def on_progress(progress: MeshProgress) -> None:
            self._parts[index] = progress
            if self._report is None:
                return
            done = sum(part.step for part in self._parts)
            steps = max(self._steps, sum(part.steps for part in self._parts))
            if steps:
                # An interrupt ends the node where it waits, by cancelling it: not here, where the mesh is the caller.
                with suppress(RunInterruptedError):
                    self._report(done, steps, preview=progress.preview or None)

        return on_progress
