"""Lanes: caches of results and objects of nodes, each used by one graph at a time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from atelier_graph.cache_entry import NodeCache
from atelier_graph.node_objects import NodeObjects

_MOST_IDLE = 4


@dataclass(slots=True)
class Lane:
    """What one graph uses, and the next one of the same scope may use again."""

    scope: str
    cache: NodeCache
    objects: NodeObjects


class Lanes:
    """The lanes of a host. A graph gets the one that was used last by its scope; nothing passes between scopes.

    What another scope has left is dropped before: it occupies memory that the next graph would be charged with.
    """

    def __init__(self, make_cache: Callable[[], NodeCache]) -> None:
        self._make_cache = make_cache
        self._idle: list[Lane] = []
        self._lock = threading.Lock()

    def take(self, scope: str) -> Lane:
        """Takes a lane of the scope; a new one where none is idle. Idle lanes of other scopes are dropped."""
        with self._lock:
            self._idle = [lane for lane in self._idle if lane.scope == scope]
            if self._idle:
                return self._idle.pop()
        return Lane(scope, self._make_cache(), NodeObjects())

    def give_back(self, lane: Lane) -> None:
        """The lane is idle; the one that was used least recently is dropped when there are too many."""
        with self._lock:
            self._idle.append(lane)
            del self._idle[:-_MOST_IDLE]

    def clear(self) -> None:
        """Drops all idle lanes."""
        with self._lock:
            self._idle.clear()
