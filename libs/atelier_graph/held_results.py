"""Held results: those that unfinished nodes of an execution may still read."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from atelier_graph.cache_entry import CacheEntry, NodeCache
from atelier_graph.cache_keys import CacheKeys
from atelier_graph.link import Link


class HeldResults:
    """The results of nodes, from this execution or from the cache.

    The result of a node to which an unfinished node links is held even if the cache drops it, and is released when no
    such node is left.
    """

    def __init__(self, cache: NodeCache, keys: CacheKeys) -> None:
        self._cache = cache
        self._keys = keys
        self._needed: Counter[str] = Counter()
        self._held: dict[str, CacheEntry] = {}

    def need(self, node_ids: Iterable[str]) -> None:
        """Registers an unfinished node that may read the results of these nodes."""
        self._needed.update(node_ids)

    def release(self, node_ids: Iterable[str]) -> None:
        """Unregisters a node that has finished; `node_ids` are those that it gave to `need`."""
        for node_id in node_ids:
            self._needed[node_id] -= 1
            if self._needed[node_id] <= 0:
                del self._needed[node_id]
                self._held.pop(node_id, None)

    def find(self, node_id: str) -> CacheEntry | None:
        """The result of a node, or None if it has to run."""
        entry = self._held.get(node_id)
        if entry is None and (entry := self._cache.get(self._keys.of(node_id))) is not None:
            self._hold(node_id, entry)
        return entry

    def store(self, node_id: str, entry: CacheEntry) -> None:
        """Stores the result of a node that ran."""
        self._cache.put(self._keys.of(node_id), entry)
        self._hold(node_id, entry)

    def values(self, link: Link) -> Sequence[Any] | None:
        """The values of an output: None while its node has no result, `[None]` if the node has no such output."""
        entry = self.find(link.node_id)
        if entry is None:
            return None
        return entry.outputs[link.slot] if 0 <= link.slot < len(entry.outputs) else [None]

    def _hold(self, node_id: str, entry: CacheEntry) -> None:
        if node_id in self._needed:
            self._held[node_id] = entry
