"""The files of frames that were read last: whoever looks at one frame looks at its neighbours next."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

MOST_BYTES = 64 * 2**20


class PartCache:
    """Reads an asset once for all who ask for it at the same time or soon after. Whose it is they checked before: it
    asks nobody again."""

    def __init__(self, read: Callable[[str], Awaitable[bytes]], most_bytes: int = MOST_BYTES) -> None:
        """`read` answers all bytes of an asset; what is larger than `most_bytes` is not kept."""
        self._read = read
        self._most_bytes = most_bytes
        self._held_bytes = 0
        self._parts: OrderedDict[str, bytes] = OrderedDict()  # least recently used first
        self._reading: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def get(self, asset_id: str) -> bytes:
        """The bytes. Raises what `read` raises, for each who asked."""
        lock = self._reading.get(asset_id)
        if lock is None:
            lock = self._reading[asset_id] = asyncio.Lock()
        async with lock:
            part = self._parts.get(asset_id)
            if part is None:
                part = await self._read(asset_id)
                self._keep(asset_id, part)
            else:
                self._parts.move_to_end(asset_id)
            return part

    def _keep(self, asset_id: str, part: bytes) -> None:
        if len(part) > self._most_bytes:
            return
        self._parts[asset_id] = part
        self._held_bytes += len(part)
        while self._held_bytes > self._most_bytes:
            _, oldest = self._parts.popitem(last=False)
            self._held_bytes -= len(oldest)
