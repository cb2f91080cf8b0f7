"""The asset index in SQL, on SQLite and PostgreSQL alike.

A blob's row is the lock of its content: adding and removing assets upon it take it first (`FOR UPDATE`; SQLite locks as
a whole), so a blob row is dropped only when no transaction is about to use it.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, bindparam, delete, insert, literal, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from atelier_service.errors import UnavailableError
from atelier_service.sql import database_errors
from atelier_storage.adapters.tables import assets, blobs
from atelier_storage.domain.asset import Asset, Blob, Origin, Source
from atelier_storage.domain.ports import Draft, Removed
from atelier_storage.domain.sniff import ContentType

_UNAVAILABLE = "the database is unavailable"

# Two writers that meet make one of them start anew; more rounds than this mean that something else is wrong.
_ROUNDS = 8


class SqlAssetIndex:
    """Assets and blobs as rows; a job's assets are removed in transactions of `batch`."""

    def __init__(self, engine: AsyncEngine, *, batch: int = 200) -> None:
        self._engine = engine
        self._batch = batch
        self._readonly = engine.execution_options(readonly=True)

    async def find(self, owner: str, asset_id: str) -> Asset | None:
        """The asset, if it is the owner's."""
        query = _assets().where(assets.c.owner == owner, assets.c.id == asset_id)
        async with self._read() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else _asset(row)

    async def add_sharing(self, draft: Draft, sha256: str) -> Asset | None:
        """Adds an asset upon the owner's blob of this content, if there is one."""
        async with self._read() as connection:
            taken = await _written_once(connection, draft.origin)
            if taken is not None:
                return taken
            if await _one_blob(connection, _BLOB, draft.origin.owner, sha256) is None:
                return None  # the usual case takes no lock
        return await self._add(draft, sha256, None)

    async def add(self, draft: Draft, blob: Blob) -> Asset:
        """Adds an asset upon `blob`, or upon the blob that came first."""
        asset = await self._add(draft, blob.sha256, blob)
        assert asset is not None  # given a blob, there is one to build upon
        return asset

    async def page(
        self, owner: str, source: Source | None, before: tuple[int, str] | None, limit: int
    ) -> Sequence[Asset]:
        """Up to `limit` assets, newest first."""
        query = _assets().where(assets.c.owner == owner)
        if source is not None:
            query = query.where(assets.c.source == int(source))
        if before is not None:
            query = query.where(tuple_(assets.c.create_time_us, assets.c.id) < tuple_(*map(literal, before)))
        query = query.order_by(assets.c.create_time_us.desc(), assets.c.id.desc()).limit(limit)
        async with self._read() as connection:
            return [_asset(row) for row in (await connection.execute(query)).mappings()]

    async def remove(self, owner: str, asset_id: str) -> Removed:
        """Removes one asset of the owner."""
        return await self._remove(assets.c.owner == owner, assets.c.id == asset_id)

    async def remove_job(self, owner: str | None, job_id: str, keep_epoch: int, up_to_epoch: int = 0) -> Removed:
        """Removes the assets of a job but those of `keep_epoch` and of epochs after `up_to_epoch`."""
        conditions = [assets.c.job_id == job_id]
        if owner is not None:
            conditions.append(assets.c.owner == owner)
        if keep_epoch:
            conditions.append(assets.c.epoch != keep_epoch)
        if up_to_epoch:
            conditions.append(assets.c.epoch <= up_to_epoch)
        count, freed = 0, list[str]()
        while True:
            removed = await self._remove(*conditions)
            if not removed.count:
                return Removed(count, tuple(freed))
            count += removed.count
            freed += removed.freed_keys

    async def known(self, keys: Collection[str]) -> frozenset[str]:
        """Those of the blob keys that have a row."""
        async with self._read() as connection:
            return frozenset((await connection.execute(select(blobs.c.key).where(blobs.c.key.in_(keys)))).scalars())

    async def check(self) -> None:
        """Asks for nothing, of the real table."""
        async with self._read() as connection:
            await connection.execute(select(assets.c.id).limit(1))

    async def _add(self, draft: Draft, sha256: str, fallback: Blob | None) -> Asset | None:
        """Adds `draft` upon the owner's blob of this content, or upon `fallback`, or (None given) not at all."""
        origin = draft.origin
        for _ in range(_ROUNDS):
            try:
                async with self._write() as connection:
                    blob = await _one_blob(connection, _LOCKED_BLOB, origin.owner, sha256)
                    if blob is None:
                        if fallback is None:
                            return None
                        blob = fallback
                        await connection.execute(_INSERT_BLOB, _blob_values(blob))
                    await connection.execute(_INSERT_ASSET, _asset_values(draft, blob))
                return Asset(draft.id, origin, draft.create_time_us, blob)
            except IntegrityError:
                # Another upload took the write-once key meanwhile, or the content's row: look again.
                async with self._read() as connection:
                    taken = await _written_once(connection, origin)
                if taken is not None:
                    return taken
        raise UnavailableError("DATABASE_UNAVAILABLE", _UNAVAILABLE, retry_after_s=1.0)

    async def _remove(self, *conditions: ColumnElement[bool]) -> Removed:
        """Removes up to a batch of assets, and the blobs that only they had."""
        async with self._write() as connection:
            found = select(assets.c.id, assets.c.blob_key).where(*conditions).limit(self._batch)
            rows = (await connection.execute(found)).all()
            if not rows:
                return Removed(0, ())
            keys = {row.blob_key for row in rows}
            # In the order of their keys, so that two removals do not wait for one another crosswise.
            lock = select(blobs.c.key).where(blobs.c.key.in_(keys)).order_by(blobs.c.key).with_for_update()
            await connection.execute(lock)
            gone = await connection.execute(delete(assets).where(assets.c.id.in_([row.id for row in rows])))
            unused = ~select(assets.c.id).where(assets.c.blob_key == blobs.c.key).exists()
            free = delete(blobs).where(blobs.c.key.in_(keys), unused).returning(blobs.c.key)
            freed = (await connection.execute(free)).scalars().all()
            return Removed(gone.rowcount, tuple(freed))

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncConnection]:
        with database_errors(_UNAVAILABLE):
            async with self._readonly.connect() as connection:
                yield connection

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[AsyncConnection]:
        with database_errors(_UNAVAILABLE):
            async with self._engine.begin() as connection:
                yield connection


_ASSET_COLUMNS = [c for c in assets.c if c.name not in ("owner", "blob_key")]


def _assets() -> Select[Any]:
    return select(*_ASSET_COLUMNS, *blobs.c).join_from(assets, blobs)


# Built once: they run with every upload.
_BLOB = select(blobs).where(blobs.c.owner == bindparam("owner"), blobs.c.sha256 == bindparam("sha256"))
_LOCKED_BLOB = _BLOB.with_for_update()
_WRITTEN_ONCE = _assets().where(assets.c.owner == bindparam("owner"), assets.c.write_once_key == bindparam("key"))
_INSERT_BLOB = insert(blobs)
_INSERT_ASSET = insert(assets)


async def _written_once(connection: AsyncConnection, origin: Origin) -> Asset | None:
    """The asset under the write-once key of `origin`, if it has one."""
    if not origin.write_once_key:
        return None
    values = {"owner": origin.owner, "key": origin.write_once_key}
    row = (await connection.execute(_WRITTEN_ONCE, values)).mappings().first()
    return None if row is None else _asset(row)


async def _one_blob(connection: AsyncConnection, query: Select[Any], owner: str, sha256: str) -> Blob | None:
    row = (await connection.execute(query, {"owner": owner, "sha256": sha256})).mappings().first()
    return None if row is None else _blob(row)


def _blob(row: RowMapping) -> Blob:
    return Blob(
        key=row["key"],
        owner=row["owner"],
        sha256=row["sha256"],
        size_bytes=row["size_bytes"],
        content_type=ContentType(row["content_type"]),
        width_px=row["width_px"],
        height_px=row["height_px"],
    )


def _asset(row: RowMapping) -> Asset:
    origin = Origin(
        owner=row["owner"],
        filename=row["filename"],
        job_id=row["job_id"],
        epoch=row["epoch"],
        write_once_key=row["write_once_key"] or "",
    )
    return Asset(row["id"], origin, row["create_time_us"], _blob(row))


def _blob_values(blob: Blob) -> dict[str, Any]:
    return {
        "key": blob.key,
        "owner": blob.owner,
        "sha256": blob.sha256,
        "size_bytes": blob.size_bytes,
        "content_type": blob.content_type.value,
        "width_px": blob.width_px,
        "height_px": blob.height_px,
    }


def _asset_values(draft: Draft, blob: Blob) -> dict[str, Any]:
    origin = draft.origin
    return {
        "id": draft.id,
        "owner": origin.owner,
        "blob_key": blob.key,
        "filename": origin.filename,
        "source": int(origin.source),
        "job_id": origin.job_id,
        "epoch": origin.epoch,
        "write_once_key": origin.write_once_key or None,
        "create_time_us": draft.create_time_us,
    }
