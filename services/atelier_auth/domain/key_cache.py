"""Key cache: the tokens made from API keys, so that most checks of the gateway need no database."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedToken:
    """The token for which a key was exchanged. Times are microseconds since the epoch."""

    key_id: str
    subject: str
    token: str = field(repr=False)
    reuse_until_us: int
    """After this time a new token is made; earlier than the token's expiry, so that it stays valid during a request."""
    checked_us: int
    """When the key was last read as valid from the database."""


class KeyCache:
    """LRU cache of at most `capacity` entries by the digest of the key's text; the text itself is not stored.

    A caller that reads a key from the database while the key is revoked must not put it back: it reads `generation`
    before the database, and `put` refuses an entry of an earlier generation.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[bytes, CachedToken] = OrderedDict()
        self._digests: dict[str, bytes] = {}
        self.generation = 0

    def __len__(self) -> int:
        """The number of entries."""
        return len(self._entries)

    def get(self, digest: bytes) -> CachedToken | None:
        """Returns the entry, which may be stale; None when there is none."""
        entry = self._entries.get(digest)
        if entry is not None:
            self._entries.move_to_end(digest)
        return entry

    def put(self, digest: bytes, entry: CachedToken, *, generation: int) -> bool:
        """Stores an entry read at `generation`. Returns False, without storing it, if a key was revoked since."""
        if generation != self.generation:
            return False
        self._entries[digest] = entry
        self._entries.move_to_end(digest)
        self._digests[entry.key_id] = digest
        while len(self._entries) > self._capacity:
            _, oldest = self._entries.popitem(last=False)
            del self._digests[oldest.key_id]
        return True

    def forget(self, key_id: str) -> None:
        """Removes a key's entry and invalidates all reads in progress. Called before a revocation is acknowledged."""
        self.generation += 1
        digest = self._digests.pop(key_id, None)
        if digest is not None:
            del self._entries[digest]
