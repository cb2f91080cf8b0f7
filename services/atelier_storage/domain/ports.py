"""Ports of the library: asset index, blob store and spool.

Every method raises UnavailableError when its database, disk or S3 is unavailable, and then has no partial effect.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol, TypeVar

from atelier_storage.domain.asset import Asset, Blob, Origin, Source

T = TypeVar("T")


class BlobMissingError(Exception):
    """There is no blob of this key."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An asset that is not stored yet: everything but its blob."""

    id: str
    origin: Origin
    create_time_us: int


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed: how many assets, and the keys of blobs that no asset refers to any more."""

    count: int
    freed_keys: tuple[str, ...]


class Spooled(Protocol):
    """A temporary file that grows."""

    @property
    def size_bytes(self) -> int:
        """Bytes so far."""
        ...

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes so far, hex."""
        ...

    @property
    def file(self) -> BinaryIO:
        """The file itself, for blocking work in a thread."""
        ...

    async def append(self, data: bytes) -> None:
        """Adds bytes."""
        ...

    async def inspect(self, look: Callable[[BinaryIO], T]) -> T:
        """Runs `look` on the file, from its start, in a thread, and returns its result."""
        ...


class Spool(Protocol):
    """Temporary files of uploads in progress."""

    def open(self) -> AbstractAsyncContextManager[Spooled]:
        """Opens a new temporary file, which is removed when the context ends or the process is killed."""
        ...


class BlobStore(Protocol):
    """Bytes under keys. A key is written once."""

    async def put(self, key: str, file: BinaryIO, size_bytes: int, content_type: str) -> None:
        """Stores a blob atomically.

        Args:
            key: Its key.
            file: Its bytes, read from the start of the file.
            size_bytes: Its size.
            content_type: Its media type.
        """
        ...

    def read(self, key: str, offset: int, length: int) -> AsyncGenerator[bytes, None]:
        """Streams a part of a blob, in chunks of at most 512 KiB. The caller closes the generator with `aclose`.

        Args:
            key: The blob's key.
            offset: The first byte.
            length: The number of bytes.

        Raises:
            BlobMissingError: There is no blob of this key.
        """
        ...

    async def delete(self, keys: Collection[str]) -> None:
        """Removes blobs; missing ones are ignored."""
        ...

    def older_than(self, time_us: int) -> AsyncIterator[Sequence[str]]:
        """Yields the keys last written before `time_us` (microseconds since the epoch), in batches."""
        ...

    async def prepare(self) -> None:
        """Checks that the store is available and can store blobs; creates its bucket if needed."""
        ...


class AssetIndex(Protocol):
    """The record of all assets, which decides whether an asset exists."""

    async def find(self, owner: str, asset_id: str) -> Asset | None:
        """Returns the asset; None when the owner has no such asset."""
        ...

    async def add_sharing(self, draft: Draft, sha256: str) -> Asset | None:
        """Adds an asset that shares the owner's blob of this content.

        Returns:
            The asset, or the existing one when its write-once key is taken. None when there is no such blob.
        """
        ...

    async def add(self, draft: Draft, blob: Blob) -> Asset:
        """Adds an asset with a blob.

        Args:
            draft: The asset.
            blob: Its blob, whose bytes are stored.

        Returns:
            The asset, with `blob` or with the owner's blob of the same content that was stored first (compare the
            keys); the existing asset when its write-once key is taken.
        """
        ...

    async def page(
        self, owner: str, source: Source | None, before: tuple[int, str] | None, limit: int
    ) -> Sequence[Asset]:
        """Returns a page of an owner's assets, newest first.

        Args:
            owner: The owner.
            source: Only assets from there; None for all.
            before: (create_time_us, id) of the last asset of the page before; None for the first page.
            limit: The size of the page.
        """
        ...

    async def remove(self, owner: str, asset_id: str) -> Removed:
        """Removes one asset of the owner; `count` is 0 when there is none."""
        ...

    async def remove_job(self, owner: str | None, job_id: str, keep_epoch: int, up_to_epoch: int = 0) -> Removed:
        """Removes the assets of a job.

        Args:
            owner: Only assets of this owner; None for all.
            job_id: The job.
            keep_epoch: The epoch whose assets stay; 0: none.
            up_to_epoch: The last epoch whose assets are removed; 0: all.
        """
        ...

    async def known(self, keys: Collection[str]) -> frozenset[str]:
        """Returns those of the blob keys to which a row refers."""
        ...

    async def check(self) -> None:
        """Checks that the database is available."""
        ...
