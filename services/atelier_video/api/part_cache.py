"""A cache of the files of frames that were read last: after one frame, its neighbours are often read."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

MAX_BYTES = 64 * 2**20


class PartCache:
    """Reads an asset once for all calls at the same time or soon after.

    The owner must be checked before: the cache does not check it.
    """

    def __init__(self, read: Callable[[str], Awaitable[bytes]], max_bytes: int = MAX_BYTES) -> None:
        """Creates the cache.

        Args:
            read: Returns the content of an asset.
            max_bytes: Size of the cache; a larger asset is not cached.
        """
        self._read = read
        self._most_bytes = max_bytes
        self._held_bytes = 0
        self._parts: OrderedDict[str, bytes] = OrderedDict()  # least recently used first
        self._reading: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def get(self, asset_id: str) -> bytes:
        """Returns the content of an asset. Raises what `read` raises."""
        lock = self._reading.get(asset_id)
        if lock is None:
            lock = self._reading[asset_id] = asyncio.Lock()
        async with lock:
            part = self._parts.get(asset_id)
            if part is None:
                part = await self._read(asset_id)
                self._add(asset_id, part)
            else:
                self._parts.move_to_end(asset_id)
            return part

    def _add(self, asset_id: str, part: bytes) -> None:
        if len(part) > self._most_bytes:
            return
        self._parts[asset_id] = part
        self._held_bytes += len(part)
        while self._held_bytes > self._most_bytes:
            _, oldest = self._parts.popitem(last=False)
            self._held_bytes -= len(oldest)
