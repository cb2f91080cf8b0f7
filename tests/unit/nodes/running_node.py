"""Runs nodes as the engine does: as the current node of an execution, with a mesh."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from atelier_graph.context import CurrentNode, entered
from atelier_nodes.mesh import MeshCalls, use_mesh


@dataclass
class Progress:
    """What nodes reported.

    Attributes:
        values: Value and maximum of each report.
        previews: Previews, in their order.
    """

    values: list[tuple[float, float]] = field(default_factory=list)
    previews: list[bytes] = field(default_factory=list)

    def report(
        self,
        value: float,
        max: float,  # noqa: A002 - the port's name
        *,
        preview: bytes | None = None,
        preview_type: str = "image/jpeg",
        node_id: str | None = None,
    ) -> None:
        self.values.append((value, max))
        if preview:
            self.previews.append(preview)


@contextmanager
def running_node(mesh: MeshCalls, node_id: str = "3") -> Iterator[Progress]:
    """The block is a call of a node, in an execution of its own."""
    progress = Progress()
    with use_mesh(mesh), entered(CurrentNode(str(uuid4()), node_id, 0, progress.report, lambda: None)):
        yield progress
