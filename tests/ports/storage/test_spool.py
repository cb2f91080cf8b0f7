"""Temporary files."""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from atelier_service.errors import UnavailableError
from atelier_storage.adapters.spool import FileSpool, SpooledFile


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_spooled_file_knows_its_size_and_digest_and_can_be_looked_at(tmp_path: Path) -> None:
    async with FileSpool(tmp_path).open() as spooled:
        for piece in (b"one", b"two"):
            await spooled.append(piece)
        assert spooled.size_bytes == 6
        assert spooled.sha256 == hashlib.sha256(b"onetwo").hexdigest()
        assert await spooled.inspect(lambda file: file.read()) == b"onetwo"


async def test_a_spooled_file_has_no_name_that_could_be_left_behind(tmp_path: Path) -> None:
    async with FileSpool(tmp_path).open() as spooled:
        await spooled.append(b"x")
        assert names(tmp_path) == []


async def test_files_under_way_do_not_mix(tmp_path: Path) -> None:
    spool = FileSpool(tmp_path)

    async def fill(letter: bytes) -> bytes:
        async with spool.open() as spooled:
            for _ in range(20):
                await spooled.append(letter)
            return await spooled.inspect(lambda file: file.read())

    assert await asyncio.gather(*map(fill, (b"a", b"b", b"c"))) == [b"a" * 20, b"b" * 20, b"c" * 20]


@pytest.fixture
def full_disk() -> Iterator[BinaryIO]:
    with Path("/dev/full").open("r+b", buffering=0) as file:
        yield cast(BinaryIO, file)


async def test_a_full_disk_is_unavailable_without_details(full_disk: BinaryIO) -> None:
    with pytest.raises(UnavailableError) as caught:
        await SpooledFile(full_disk).append(b"x")
    assert caught.value.retry_after_s
    assert "/dev" not in caught.value.message
