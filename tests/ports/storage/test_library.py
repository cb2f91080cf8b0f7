"""The library over real SQL and a real S3 server: what may happen between the two."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import BinaryIO

import pytest

from atelier_service.clock import SystemClock
from atelier_service.errors import NotFoundError, UnavailableError
from atelier_service.ids import uuid7
from atelier_storage.adapters.s3 import S3BlobStore
from atelier_storage.adapters.spool import FileSpool
from atelier_storage.adapters.sql import SqlAssetIndex
from atelier_storage.domain.asset import Asset, Origin
from atelier_storage.domain.library import Library
from atelier_storage.domain.limits import Limits
from atelier_storage.domain.ports import BlobStore
from atelier_storage.domain.sweep import Sweep
from tests.unit.storage import pictures

DATA = pictures.png()
ADA = Origin("ada")
MakeLibrary = Callable[[BlobStore], Library]
Happens = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """The usual."""


class Eventful:
    """A blob store to which something happens."""

    def __init__(
        self, inner: BlobStore, *, before_put: Happens = nothing, after_put: Happens = nothing,
        before_delete: Happens = nothing,
    ) -> None:  # fmt: skip
        self._inner = inner
        self._before_put, self._after_put, self._before_delete = before_put, after_put, before_delete

    async def put(self, key: str, file: BinaryIO, size_bytes: int, content_type: str) -> None:
        await self._before_put()
        await self._inner.put(key, file, size_bytes, content_type)
        await self._after_put()

    async def delete(self, keys: Collection[str]) -> None:
        await self._before_delete()
        await self._inner.delete(keys)

    def read(self, key: str, offset: int, length: int) -> AsyncGenerator[bytes, None]:
        return self._inner.read(key, offset, length)

    def older_than(self, time_us: int) -> AsyncIterator[Sequence[str]]:
        return self._inner.older_than(time_us)

    async def prepare(self) -> None:
        await self._inner.prepare()


class Gate:
    """Something stops here until it is let through."""

    def __init__(self) -> None:
        self.arrived, self._open = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> None:
        self.arrived.set()
        await self._open.wait()

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def library_over(asset_index: SqlAssetIndex, tmp_path: Path) -> MakeLibrary:
    limits = Limits(10**8, 10**8)
    return lambda blobs: Library(asset_index, blobs, FileSpool(tmp_path), limits, SystemClock(), uuid7)


async def chunks() -> AsyncIterator[bytes]:
    yield DATA


async def keys(blobs: BlobStore) -> list[str]:
    return [key async for batch in blobs.older_than(SystemClock().now_us() + 10**9) for key in batch]


async def assert_kept(library: Library, asset: Asset) -> None:
    found = await library.find("ada", asset.id)
    assert b"".join([chunk async for chunk in library.read(found.blob, 0, found.blob.size_bytes)]) == DATA


async def test_a_slow_deletion_does_not_hit_the_same_content_that_came_again(
    library_over: MakeLibrary, blobs: S3BlobStore
) -> None:
    library, gate = library_over(blobs), Gate()
    first = await library.store(ADA, chunks())
    async with asyncio.TaskGroup() as group:
        group.create_task(library_over(Eventful(blobs, before_delete=gate)).remove("ada", first.id))
        await gate.arrived.wait()
        again = await library.store(ADA, chunks())
        gate.open()
    await assert_kept(library, again)
    assert await keys(blobs) == [again.blob.key]


async def test_an_upload_whose_row_is_late_survives_the_deletion_of_its_twin(
    library_over: MakeLibrary, blobs: S3BlobStore
) -> None:
    library, gate = library_over(blobs), Gate()
    async with asyncio.TaskGroup() as group:
        late = group.create_task(library_over(Eventful(blobs, after_put=gate)).store(ADA, chunks()))
        await gate.arrived.wait()
        twin = await library.store(ADA, chunks())
        await library.remove("ada", twin.id)
        gate.open()
    await assert_kept(library, late.result())
    assert await keys(blobs) == [late.result().blob.key]


async def test_of_two_uploads_that_both_wrote_one_blob_remains(library_over: MakeLibrary, blobs: S3BlobStore) -> None:
    library, gate = library_over(blobs), Gate()
    async with asyncio.TaskGroup() as group:
        late = group.create_task(library_over(Eventful(blobs, after_put=gate)).store(ADA, chunks()))
        await gate.arrived.wait()
        early = await library.store(ADA, chunks())
        gate.open()
    assert late.result().blob == early.blob
    assert await keys(blobs) == [early.blob.key]
    await assert_kept(library, late.result())


async def test_a_crash_between_bytes_and_row_leaves_an_orphan_that_the_sweep_takes(
    library_over: MakeLibrary, blobs: S3BlobStore, asset_index: SqlAssetIndex
) -> None:
    async def crash() -> None:
        raise ConnectionResetError

    kept = await library_over(blobs).store(ADA, _other())
    with pytest.raises(ConnectionResetError):
        await library_over(Eventful(blobs, after_put=crash)).store(ADA, chunks())
    assert len(await keys(blobs)) == 2
    assert await asset_index.page("ada", None, None, 10) == [kept]
    assert await Sweep(asset_index, blobs, SystemClock(), min_age_s=3600).run() == 0
    assert len(await keys(blobs)) == 2
    assert await Sweep(asset_index, blobs, SystemClock(), min_age_s=-60).run() == 1
    assert await keys(blobs) == [kept.blob.key]


async def test_a_removal_while_s3_is_unavailable_is_final_and_the_sweep_deletes_the_bytes(
    library_over: MakeLibrary, blobs: S3BlobStore, asset_index: SqlAssetIndex
) -> None:
    async def away() -> None:
        raise UnavailableError("BLOB_STORE_UNAVAILABLE", "away")

    asset = await library_over(blobs).store(ADA, chunks())
    await library_over(Eventful(blobs, before_delete=away)).remove("ada", asset.id)
    with pytest.raises(NotFoundError):
        await library_over(blobs).find("ada", asset.id)
    assert await keys(blobs) == [asset.blob.key]
    assert await Sweep(asset_index, blobs, SystemClock(), min_age_s=-60).run() == 1
    assert await keys(blobs) == []


async def test_an_upload_that_s3_refuses_leaves_no_row(
    library_over: MakeLibrary, blobs: S3BlobStore, asset_index: SqlAssetIndex
) -> None:
    async def away() -> None:
        raise UnavailableError("BLOB_STORE_UNAVAILABLE", "away")

    with pytest.raises(UnavailableError):
        await library_over(Eventful(blobs, before_put=away)).store(ADA, chunks())
    assert await asset_index.page("ada", None, None, 10) == []
    await assert_kept(library_over(blobs), await library_over(blobs).store(ADA, chunks()))


async def _other() -> AsyncIterator[bytes]:
    yield pictures.png(colour="blue")
