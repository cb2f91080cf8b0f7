"""A pool with the pack of troublemakers, and how tests run graphs in it."""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atelier_graph.events import GraphEvent, NodeFailed, RunEnded
from atelier_graph.execution import RunResult
from atelier_nodes.mesh import MeshCalls, NoMesh
from atelier_nodes.pool.errors import HostLostError
from atelier_nodes.pool.host_pool import HostPool
from atelier_nodes.pool.options import PoolOptions
from atelier_nodes.protocol.execution import Folders, HostExecution

PACK = Path(__file__).parent / "packs" / "trouble.py"

_numbers = itertools.count(1)

Graph = dict[str, Any]


def node(name: str, text: str = "", **inputs: object) -> Graph:
    """A graph of one troublemaker, with the id `1`."""
    return {"1": {"class_type": f"Trouble{name}", "inputs": {"text": text, **inputs}}}


def folders_in(root: Path) -> Folders:
    """Folders for nodes; they exist."""
    folders = Folders(root / "input", root / "output", root / "temp")
    for folder in (folders.input, folders.output, folders.temp):
        folder.mkdir(parents=True, exist_ok=True)
    return folders


def options_in(place: Path, **changes: Any) -> PoolOptions:
    """Options of a pool that loads the troublemakers."""
    return PoolOptions(**{"folders": folders_in(place), "pack_folders": (PACK,), **changes})


@dataclass(slots=True)
class Outcome:
    """What became of an execution.

    Attributes:
        events: Its events.
        result: Its result; None when its host was lost.
        lost: How its host was lost.
        seconds: How long it took.
    """

    events: list[GraphEvent] = field(default_factory=list)
    result: RunResult | None = None
    lost: HostLostError | None = None
    seconds: float = 0.0

    @property
    def status(self) -> str:
        """The status that its events ended with."""
        (ended,) = [event for event in self.events if isinstance(event, RunEnded)]
        assert self.events[-1] is ended
        return ended.status

    @property
    def failure(self) -> NodeFailed:
        """The one node that failed."""
        (failed,) = [event for event in self.events if isinstance(event, NodeFailed)]
        return failed

    def text(self, node_id: str = "1") -> list[str]:
        """What a node showed."""
        assert self.result is not None
        assert self.result.status == "success", self.result.error
        shown: list[str] = self.result.outputs[node_id]["text"]
        return shown


class Bench:
    """Runs graphs in a pool."""

    def __init__(self, pool: HostPool) -> None:
        self.pool = pool

    async def run(self, graph: Graph, mesh: MeshCalls | None = None, **changes: Any) -> Outcome:
        """Runs a graph to its end, however that is."""
        outcome = Outcome()
        began = asyncio.get_running_loop().time()
        try:
            outcome.result = await self.pool.run(
                execution_of(graph, **changes), mesh or NoMesh(), outcome.events.append
            )
        except HostLostError as error:
            outcome.lost = error
        outcome.seconds = asyncio.get_running_loop().time() - began
        return outcome

    async def pids(self) -> set[int]:
        """The process ids of the guardians of hosts that run."""
        return {host.pid for host in self.pool.hosts if host.usable}


def execution_of(graph: Mapping[str, Any], *, outputs: Sequence[str] | None = None, **changes: Any) -> HostExecution:
    """An execution of a graph with an id of its own; all nodes are outputs unless they are named."""
    chosen = tuple(graph if outputs is None else outputs)
    return HostExecution(**{"id": f"execution-{next(_numbers)}", "prompt": graph, "outputs": chosen, **changes})
