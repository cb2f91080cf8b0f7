"""The content cache and the references to files, in SQL.

A file's last reference and the decision to remove it meet in one transaction that holds every row of the same source:
whoever adopts a result does so before, and is counted, or after, and finds nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from atelier_image.adapters.tables import results
from atelier_image.domain.ports import Hit, HitGoneError, Settled
from atelier_image.domain.result import Result, Source
from atelier_jobs.database import JobDatabase, Transaction
from atelier_jobs.job import Job
from atelier_jobs.sql_clock import now_us
from atelier_jobs.store import Within

_c = results.c

_NEWEST = (
    select(_c.cache_key, _c.result)
    .where(_c.owner == bindparam("owner"), _c.cache_key.in_(bindparam("keys", expanding=True)), ~_c.released)
    .order_by(_c.create_us.desc())
    .limit(1)
)

_STILL_THERE = (
    select(_c.job_id)
    .where(
        _c.owner == bindparam("owner"),
        _c.cache_key == bindparam("key"),
        _c.source_job_id == bindparam("source_job_id"),
        _c.source_epoch == bindparam("source_epoch"),
        ~_c.released,
    )
    # The image's own row first, which is written next: then it holds one row and waits for none, whatever `settle`
    # locks meanwhile.
    .order_by((_c.job_id == bindparam("job_id")).desc(), _c.job_id)
    .limit(1)
    .with_for_update()
)


def _upsert(insert: Any) -> Any:
    statement = insert(results).values(create_us=now_us())
    again = {name: statement.excluded[name] for name in ("cache_key", "result", "released")}
    return statement.on_conflict_do_update(index_elements=[_c.job_id, _c.source_job_id, _c.source_epoch], set_=again)


_UPSERT = {"sqlite": _upsert(sqlite.insert), "postgresql": _upsert(postgresql.insert)}


class SqlResultCache:
    """A ResultCache in the database that holds the jobs."""

    def __init__(self, database: JobDatabase) -> None:
        self._database = database

    def adding(self, owner: str, job_id: str, key: str, result: Result) -> Within:
        """See ResultCache.adding."""

        async def add(transaction: Transaction) -> None:
            await self._insert(transaction.connection, owner, job_id, key, result)

        return add

    async def find(self, owner: str, keys: Sequence[str]) -> Hit | None:
        """See ResultCache.find."""
        async with self._database.read() as connection:
            row = (await connection.execute(_NEWEST, {"owner": owner, "keys": keys})).first()
        return None if row is None else Hit(row.cache_key, Result.from_bytes(row.result))

    def adopting(self, owner: str, job_id: str, hit: Hit) -> Within:
        """See ResultCache.adopting."""

        async def adopt(transaction: Transaction) -> None:
            source = hit.result.source
            values = {
                "owner": owner,
                "key": hit.key,
                "job_id": job_id,
                "source_job_id": source.job_id,
                "source_epoch": source.epoch,
            }
            if (await transaction.connection.execute(_STILL_THERE, values)).first() is None:
                raise HitGoneError
            await self._insert(transaction.connection, owner, job_id, hit.key, hit.result)

        return adopt

    async def retire(self, owner: str, source: Source) -> None:
        """See ResultCache.retire."""
        where = and_(_c.owner == owner, _of_source(source))
        in_order = select(_c.job_id).where(where).order_by(_c.job_id).with_for_update()  # the order of `settle`
        async with self._database.write() as transaction:
            await transaction.connection.execute(in_order)
            await transaction.connection.execute(update(results).where(where).values(cache_key=""))

    async def settle(self, job_id: str, current: Callable[[Job | None], Source | None]) -> Settled | None:
        """See ResultCache.settle."""
        query = select(_c.job_id, _c.source_job_id, _c.source_epoch, _c.released)
        query = query.where(or_(_c.job_id == job_id, _c.source_job_id == job_id))
        # In one order, so that two of these do not wait for one another crosswise.
        query = query.order_by(_c.job_id, _c.source_job_id, _c.source_epoch)
        released, kept = set[Source](), set[int]()
        async with self._database.write() as transaction:
            # The job first: what it is now, and refers to, it is until the end of this.
            locked = await transaction.lock(job_id)
            job = None if locked is None else locked[0]
            if job is not None and not job.state.terminal:
                return None
            present = current(job)
            await transaction.connection.execute(query.with_for_update())
            # Read again: who held one of these rows may have added another, which a waiting statement does not see.
            for row in (await transaction.connection.execute(query)).all():
                source = Source(row.source_job_id, row.source_epoch)
                if row.job_id == job_id and source != present:
                    released.add(source)
                elif source.job_id == job_id and not row.released:
                    kept.add(source.epoch)
            for source in released:
                where = and_(_c.job_id == job_id, _of_source(source))
                statement = delete(results) if source.job_id == job_id else update(results).values(released=True)
                await transaction.connection.execute(statement.where(where))
        others = sorted((s for s in released if s.job_id != job_id), key=lambda s: (s.job_id, s.epoch))
        return Settled(job, frozenset(kept), tuple(others))

    async def forget(self, job_id: str, source: Source) -> None:
        """See ResultCache.forget."""
        async with self._database.write() as transaction:
            where = and_(_c.job_id == job_id, _of_source(source), _c.released)
            await transaction.connection.execute(delete(results).where(where))

    async def _insert(self, connection: AsyncConnection, owner: str, job_id: str, key: str, result: Result) -> None:
        values = {
            "job_id": job_id,
            "source_job_id": result.source.job_id,
            "source_epoch": result.source.epoch,
            "owner": owner,
            "cache_key": key,
            "result": result.to_bytes(),
            "released": False,
        }
        await connection.execute(_UPSERT[connection.dialect.name], values)


def _of_source(source: Source) -> ColumnElement[bool]:
    return and_(_c.source_job_id == source.job_id, _c.source_epoch == source.epoch)
