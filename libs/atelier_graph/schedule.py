"""The schedule of an execution: which node is entered next."""

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Literal


@dataclass(slots=True)
class _Entry:
    order: int
    is_output: bool
    eager: bool
    distance: int
    """Number of links to the nearest output node that waits for this one: 0 to 3, where 3 is 3 or more, or none."""
    state: Literal["waiting", "ready", "taken"] = "waiting"
    missing: int = 0
    """Unfinished nodes that this one waits for."""
    upstream: list[str] = field(default_factory=list)
    dependents: dict[str, None] = field(default_factory=dict)

    @property
    def rank(self) -> int:
        return 0 if self.eager else self.distance


class Schedule:
    """The unfinished nodes, and what they wait for.

    Of the ready nodes an output node or an asynchronous one is taken first, so that results appear early and waits
    begin early; then one that an output node waits for; then one that such a node waits for; then the first added. The
    cost of a link does not depend on the size of the graph, except for a heap of the ready nodes.
    """

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._ready: list[tuple[int, int, str]] = []
        self._added = 0

    def __contains__(self, node_id: str) -> bool:
        return node_id in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, node_id: str, *, is_output: bool, is_async: bool) -> None:
        """Adds a node. It is not taken before it has been released."""
        self._added += 1
        self._entries[node_id] = _Entry(self._added, is_output, is_output or is_async, 0 if is_output else 3)

    def wait(self, node_id: str, upstream: str) -> None:
        """Makes a node wait for another one; both have been added."""
        entry, other = self._entries[node_id], self._entries[upstream]
        if node_id in other.dependents:
            return
        other.dependents[node_id] = None
        entry.upstream.append(upstream)
        entry.missing += 1
        self._bring_nearer(upstream, entry.distance + 1)

    def release(self, node_id: str) -> None:
        """Lets a node be taken once it waits for no other: after its first `wait` calls, and again after `take`."""
        entry = self._entries[node_id]
        entry.state = "waiting"
        self._ready_if_complete(node_id, entry)

    def take(self) -> str | None:
        """Returns the next ready node, which the caller then releases or finishes; None if no node is ready."""
        while self._ready:
            rank, _, node_id = heappop(self._ready)
            entry = self._entries.get(node_id)
            if entry is not None and entry.state == "ready" and entry.rank == rank:
                entry.state = "taken"
                return node_id
        return None

    def finish(self, node_id: str) -> None:
        """Removes a node; nodes that waited only for it become ready."""
        for dependent in self._entries.pop(node_id).dependents:
            entry = self._entries[dependent]
            entry.missing -= 1
            self._ready_if_complete(dependent, entry)

    def cycle(self) -> list[str]:
        """Returns nodes that wait for each other. To be called when no node is ready and none is taken."""
        path: dict[str, None] = {}
        node_id: str | None = next(iter(self._entries), None)
        while node_id is not None and node_id not in path:
            path[node_id] = None
            node_id = next((each for each in self._entries[node_id].upstream if each in self._entries), None)
        nodes = list(path)
        return nodes[nodes.index(node_id) :] if node_id is not None else nodes

    def _ready_if_complete(self, node_id: str, entry: _Entry) -> None:
        if entry.missing == 0 and entry.state == "waiting":
            entry.state = "ready"
            heappush(self._ready, (entry.rank, entry.order, node_id))

    def _bring_nearer(self, node_id: str, distance: int) -> None:
        """Propagates a smaller distance to an output node. The distance of a node shrinks at most three times."""
        closer = [(node_id, distance)]
        while closer:
            node_id, distance = closer.pop()
            entry = self._entries.get(node_id)
            if entry is None or distance >= entry.distance:
                continue
            entry.distance = distance
            if entry.state == "ready":
                heappush(self._ready, (entry.rank, entry.order, node_id))
            closer += [(each, distance + 1) for each in entry.upstream]
