"""Caches of node results: none, those of the last prompt, the most recently used, and as many as memory allows."""

import threading
import time
from collections.abc import Callable, Iterable

from atelier_graph.cache_entry import CacheEntry, CacheKey, ExpansionKeys, PromptKeys


class NoCache:
    """Stores nothing: every execution calls every node."""

    def begin(self, prompt: PromptKeys) -> None:
        pass

    def expand(self, expansion: ExpansionKeys) -> None:
        pass

    def get(self, key: CacheKey) -> CacheEntry | None:  # noqa: ARG002 - the port's signature
        return None

    def put(self, key: CacheKey, entry: CacheEntry) -> None:
        pass

    def clear(self) -> None:
        pass


class ClassicCache:
    """Stores what the last prompt used. Nodes of an expansion share results with expansions of the same node alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scopes: dict[str, dict[CacheKey, CacheEntry]] = {}
        self._roots: dict[str, str] = {}
        """The root of each scope of an expansion."""

    def begin(self, prompt: PromptKeys) -> None:
        with self._lock:
            self._roots = {scope: root for scope, root in self._roots.items() if root in prompt.roots}
            self._scopes = {scope: found for scope, found in self._scopes.items() if scope in self._roots or not scope}
            self._retain("", prompt.keys)

    def expand(self, expansion: ExpansionKeys) -> None:
        with self._lock:
            self._roots[expansion.scope] = expansion.root
            self._retain(expansion.scope, expansion.keys)

    def get(self, key: CacheKey) -> CacheEntry | None:
        return self._scopes.get(key.scope, {}).get(key)

    def put(self, key: CacheKey, entry: CacheEntry) -> None:
        with self._lock:
            self._scopes.setdefault(key.scope, {})[key] = entry

    def clear(self) -> None:
        with self._lock:
            self._scopes.clear()
            self._roots.clear()

    def _retain(self, scope: str, keys: frozenset[CacheKey]) -> None:
        stored = self._scopes.get(scope, {})
        self._scopes[scope] = {key: entry for key, entry in stored.items() if key in keys}


class LruCache:
    """Stores what recent prompts used.

    A generation is the entries that the same execution used last. At the start of an execution whole generations are
    dropped, the oldest first, until at most `size` entries are left; those that this execution uses are not dropped.

    Args:
        size: Entries beyond which generations are dropped.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._generation = 0
        self._entries: dict[CacheKey, CacheEntry] = {}
        self._used: dict[CacheKey, int] = {}

    def begin(self, prompt: PromptKeys) -> None:
        with self._lock:
            self._generation += 1
            for key in map(_unscoped, prompt.keys):
                if key in self._entries:
                    self._used[key] = self._generation
            excess = len(self._entries) - self._size
            if excess <= 0:
                return
            oldest_first = sorted(self._used, key=self._used.__getitem__)
            last = self._used[oldest_first[excess - 1]]
            for key in oldest_first:
                if self._used[key] > last or self._used[key] == self._generation:
                    break
                self._drop(key)

    def expand(self, expansion: ExpansionKeys) -> None:
        with self._lock:
            for key in map(_unscoped, expansion.keys):
                if key in self._entries:
                    self._used[key] = self._generation

    def get(self, key: CacheKey) -> CacheEntry | None:
        key = _unscoped(key)
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._used[key] = self._generation
            return entry

    def put(self, key: CacheKey, entry: CacheEntry) -> None:
        key = _unscoped(key)
        with self._lock:
            self._entries[key] = entry
            self._used[key] = self._generation

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._used.clear()

    def _drop(self, key: CacheKey) -> None:
        del self._entries[key], self._used[key]


class RamPressureCache:
    """Stores everything while memory is free.

    When memory is short, the entry with the highest score is dropped first: 1.3 to the power of the executions since
    its last use, times its size; of equal scores the least recently used one.

    Args:
        free_bytes: Returns the available memory, in bytes.
        size_of: Returns the bytes that an entry's outputs occupy; infinity for an entry to drop first.
        headroom: Bytes that stay free. While fewer are free, entries of any execution are dropped.
        idle_headroom: Bytes that stay free, for which only entries that the current execution does not use are dropped.
            None: the same as `headroom`.
    """

    def __init__(
        self,
        free_bytes: Callable[[], int],
        size_of: Callable[[CacheEntry], float],
        *,
        headroom: int = 2 << 30,
        idle_headroom: int | None = None,
    ) -> None:
        self._free_bytes = free_bytes
        self._size_of = size_of
        self._headroom = headroom
        self._idle_headroom = headroom if idle_headroom is None else idle_headroom
        self._lock = threading.Lock()
        self._generation = 0
        self._entries: dict[CacheKey, CacheEntry] = {}
        self._used: dict[CacheKey, tuple[int, float]] = {}
        self._old: list[CacheKey] | None = None
        """The keys of earlier executions, the next one to drop at the end; made when memory is short."""

    def begin(self, prompt: PromptKeys) -> None:
        with self._lock:
            self._generation += 1
            self._old = None
            for key in map(_unscoped, prompt.keys):
                self._touch(key)
            self._relieve()

    def expand(self, expansion: ExpansionKeys) -> None:
        with self._lock:
            for key in map(_unscoped, expansion.keys):
                self._touch(key)

    def get(self, key: CacheKey) -> CacheEntry | None:
        key = _unscoped(key)
        with self._lock:
            self._touch(key)
            return self._entries.get(key)

    def put(self, key: CacheKey, entry: CacheEntry) -> None:
        key = _unscoped(key)
        with self._lock:
            self._entries[key] = entry
            self._touch(key)
            self._relieve()

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._used.clear()

    def entries(self) -> list[CacheEntry]:
        """The stored entries."""
        return list(self._entries.values())

    def _touch(self, key: CacheKey) -> None:
        if key in self._entries:
            self._used[key] = (self._generation, time.monotonic())

    def _relieve(self) -> None:
        enough = max(self._headroom, self._idle_headroom)
        if self._free_bytes() >= enough:
            return
        if self._old is None:
            self._old = self._last_to_first(key for key in self._entries if not self._is_current(key))
        while self._old and self._free_bytes() < enough:
            key = self._old.pop()
            if key in self._entries and not self._is_current(key):
                del self._entries[key], self._used[key]
        current = self._last_to_first(self._entries) if self._free_bytes() < self._headroom else []
        while current and self._free_bytes() < self._headroom:
            key = current.pop()
            del self._entries[key], self._used[key]

    def _is_current(self, key: CacheKey) -> bool:
        return self._used[key][0] == self._generation

    def _last_to_first(self, keys: Iterable[CacheKey]) -> list[CacheKey]:
        return sorted(keys, key=lambda key: (self._score(key), -self._used[key][1]))

    def _score(self, key: CacheKey) -> float:
        return 1.3 ** (self._generation - self._used[key][0]) * self._size_of(self._entries[key])


def _unscoped(key: CacheKey) -> CacheKey:
    """These caches do not separate expansions: equal nodes share one result wherever they are."""
    return CacheKey(key.digest) if key.scope else key
