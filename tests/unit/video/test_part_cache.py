"""Files of frames are read once for those who look at neighbouring frames."""

import asyncio

import pytest

from atelier_service.errors import NotFoundError
from atelier_video.api.part_cache import PartCache


class Shelf:
    """Files of four bytes; says which were read, and waits until it may answer."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.missing = set[str]()
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, asset_id: str) -> bytes:
        self.read.append(asset_id)
        await self.open.wait()
        if asset_id in self.missing:
            raise NotFoundError("ASSET_NOT_FOUND", "there is no such asset")
        return asset_id.encode() * 4


async def test_concurrent_and_soon_repeated_reads_are_one_read() -> None:
    shelf = Shelf()
    shelf.open.clear()
    parts = PartCache(shelf)
    asking = [asyncio.create_task(parts.get("a")) for _ in range(5)]
    await asyncio.sleep(0)
    shelf.open.set()
    assert await asyncio.gather(*asking) == [b"aaaa"] * 5
    assert await parts.get("a") == b"aaaa"
    assert shelf.read == ["a"]


async def test_the_least_recently_used_part_is_evicted_first() -> None:
    shelf = Shelf()
    parts = PartCache(shelf, max_bytes=8)
    for asset_id in ("a", "b", "a", "c", "a", "b"):
        await parts.get(asset_id)
    assert shelf.read == ["a", "b", "c", "b"]


async def test_what_is_too_large_is_read_each_time() -> None:
    shelf = Shelf()
    parts = PartCache(shelf, max_bytes=3)
    assert [await parts.get("a") for _ in range(2)] == [b"aaaa"] * 2
    assert shelf.read == ["a", "a"]


async def test_a_failure_is_not_cached() -> None:
    shelf = Shelf()
    shelf.missing.add("a")
    parts = PartCache(shelf)
    with pytest.raises(NotFoundError):
        await parts.get("a")
    shelf.missing.clear()
    assert await parts.get("a") == b"aaaa"


async def test_a_reader_that_is_cancelled_leaves_the_others_their_file() -> None:
    shelf = Shelf()
    shelf.open.clear()
    parts = PartCache(shelf)
    first, second = (asyncio.create_task(parts.get("a")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    shelf.open.set()
    assert await second == b"aaaa"
