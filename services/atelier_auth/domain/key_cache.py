"""Cache of the tokens made from API keys, so that a check of the gateway needs no database."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedToken:
    """What a key was exchanged for. Times are microseconds since the epoch."""

    key_id: str
    subject: str
    token: str = field(repr=False)
    reuse_until_us: int
    """After this moment a new token is made: before the token's own end, so that it lives through the request."""
    checked_us: int
    """When the key was last read as valid from the database."""


class KeyCache:
    """At most `capacity` entries by the digest of the key's text (never the text), the least recently used goes first.

    A reader that was on its way to the database while a key was revoked must not put the key back: it takes
    `generation` before it reads, and `put` refuses an entry of an earlier generation.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[bytes, CachedToken] = OrderedDict()
        self._digests: dict[str, bytes] = {}
        self.generation = 0

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self._entries)

    def get(self, digest: bytes) -> CachedToken | None:
        """The entry, if there is one; it may be stale."""
        entry = self._entries.get(digest)
        if entry is not None:
            self._entries.move_to_end(digest)
        return entry

    def put(self, digest: bytes, entry: CachedToken, *, generation: int) -> bool:
        """Stores an entry that was read at `generation`; False, and nothing stored, where a key was revoked since."""
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
        """Drops a key's entry and everything that is being read now. Called before a revocation is acknowledged."""
        self.generation += 1
        digest = self._digests.pop(key_id, None)
        if digest is not None:
            del self._entries[digest]
