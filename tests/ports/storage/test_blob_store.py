"""Blobs, on a real S3 server."""

import asyncio
import io
import os
import time
from contextlib import aclosing

import pytest

from atelier_service.errors import UnavailableError
from atelier_storage.adapters.s3 import S3BlobStore
from atelier_storage.domain.ports import BlobMissingError
from tests.support.s3 import free_ports, running_s3

BIG = os.urandom(6 * 2**20)


async def put(store: S3BlobStore, key: str, data: bytes) -> None:
    await store.put(key, io.BytesIO(data), len(data), "image/png")


async def read(store: S3BlobStore, key: str, offset: int, length: int) -> bytes:
    async with aclosing(store.read(key, offset, length)) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def keys(store: S3BlobStore, age_s: float = -60) -> set[str]:
    time_us = int((time.time() - age_s) * 1e6)
    return {key async for batch in store.older_than(time_us) for key in batch}


@pytest.mark.parametrize("data", [b"x", b"abc" * 1000, BIG], ids=len)
async def test_what_was_put_is_read(blobs: S3BlobStore, data: bytes) -> None:
    await put(blobs, "ada/1", data)
    assert await read(blobs, "ada/1", 0, len(data)) == data


@pytest.mark.parametrize(("offset", "length"), [(0, 1), (5, 10), (len(BIG) - 1, 1), (2**20 - 3, 3 * 2**20)])
async def test_a_part_is_read(blobs: S3BlobStore, offset: int, length: int) -> None:
    await put(blobs, "ada/1", BIG)
    assert await read(blobs, "ada/1", offset, length) == BIG[offset : offset + length]


async def test_chunks_are_small(blobs: S3BlobStore) -> None:
    await put(blobs, "ada/1", BIG)
    async with aclosing(blobs.read("ada/1", 0, len(BIG))) as chunks:
        assert all([0 < len(chunk) <= 512 * 1024 async for chunk in chunks])


async def test_a_reader_may_leave_half_way(blobs: S3BlobStore) -> None:
    await put(blobs, "ada/1", BIG)
    for _ in range(40):  # more often than there are connections
        async with aclosing(blobs.read("ada/1", 0, len(BIG))) as chunks:
            assert await anext(chunks)
    assert await read(blobs, "ada/1", 0, 3) == BIG[:3]


async def test_what_is_not_there_is_missing(blobs: S3BlobStore) -> None:
    with pytest.raises(BlobMissingError):
        await read(blobs, "ada/none", 0, 1)


async def test_deleted_blobs_are_gone_and_others_stay(blobs: S3BlobStore) -> None:
    for n in range(5):
        await put(blobs, f"ada/{n}", b"x")
    await blobs.delete(["ada/1", "ada/2", "ada/never-was"])
    await blobs.delete([])
    assert await keys(blobs) == {"ada/0", "ada/3", "ada/4"}


async def test_young_blobs_are_not_listed_as_old(blobs: S3BlobStore) -> None:
    await put(blobs, "ada/1", b"x")
    assert await keys(blobs, age_s=3600) == set()


async def test_preparing_twice_is_as_good_as_once(blobs: S3BlobStore) -> None:
    await blobs.prepare()
    await blobs.prepare()


async def test_an_unavailable_server_is_an_error_with_a_time_to_retry() -> None:
    store = S3BlobStore(f"127.0.0.1:{free_ports(1)[0]}", access_key="a", secret_key="b", bucket="test-bucket")
    works = (store.prepare(), put(store, "k", b"x"), read(store, "k", 0, 1), store.delete(["k"]), keys(store))
    for answer in await asyncio.gather(*works, return_exceptions=True):
        assert isinstance(answer, UnavailableError)
        assert answer.retry_after_s
        assert "127.0.0.1" not in answer.message
    store.close()


async def test_wrong_credentials_are_unavailable_without_details() -> None:
    with running_s3() as server:
        store = S3BlobStore(server.endpoint, access_key="a", secret_key="b", bucket="test-bucket")
        with pytest.raises(UnavailableError):
            await store.prepare()
        store.close()


async def test_a_read_goes_on_after_the_server_was_killed_and_came_back() -> None:
    with running_s3() as server:
        store = S3BlobStore(
            server.endpoint,
            access_key=server.access_key,
            secret_key=server.secret_key,
            bucket="test-bucket",
            timeout_s=5,
        )
        await store.prepare()
        await put(store, "ada/1", BIG)
        got = b""
        async with aclosing(store.read("ada/1", 0, len(BIG))) as chunks:
            async for chunk in chunks:
                if not got:
                    server.kill()
                    server.start()
                got += chunk
        assert got == BIG
        store.close()
