"""Lanes: caches of results and objects of nodes, each used by one graph at a time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from atelier_graph.cache_entry import NodeCache
from atelier_graph.node_objects import NodeObjects

_MOST_IDLE = 4


@dataclass(slots=True)
class Lane:
    """The cache and the objects that one graph uses, and after it the next graph of the same scope."""

    scope: str
    cache: NodeCache
    objects: NodeObjects


class Lanes:
    """The lanes of a host. A graph receives the lane that its scope used last; scopes share nothing.

    Idle lanes of other scopes are dropped first: their memory would count against the limit of the next graph.
    """

    def __init__(self, make_cache: Callable[[], NodeCache]) -> None:
        self._make_cache = make_cache
        self._idle: list[Lane] = []
        self._lock = threading.Lock()

    def take(self, scope: str) -> Lane:
        """Returns an idle lane of the scope, or a new one. Idle lanes of other scopes are dropped."""
        with self._lock:
            self._idle = [lane for lane in self._idle if lane.scope == scope]
            if self._idle:
                return self._idle.pop()
        return Lane(scope, self._make_cache(), NodeObjects())

    def give_back(self, lane: Lane) -> None:
        """Returns a lane to the idle ones; of more than four the least recently used one is dropped."""
        with self._lock:
            self._idle.append(lane)
            del self._idle[:-_MOST_IDLE]

    def clear(self) -> None:
        """Drops all idle lanes."""
        with self._lock:
            self._idle.clear()
