"""The content cache and the references to files, in SQL.

A file's last reference and the decision to remove it meet in one transaction that holds every row of the same source:
whoever adopts a result does so before, and is counted, or after, and finds nothing.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from atelier_image.adapters.tables import results
from atelier_image.domain.ports import Hit, Settled
from atelier_image.domain.result import Result, Source
from atelier_jobs.database import JobDatabase
from atelier_jobs.schema import jobs
from atelier_jobs.sql_clock import now_us

_c = results.c


class SqlResultCache:
    """A ResultCache in the database that holds the jobs."""

    def __init__(self, database: JobDatabase) -> None:
        self._database = database

    async def add(self, owner: str, job_id: str, key: str, result: Result) -> None:
        """See ResultCache.add."""
        async with self._database.write() as transaction:
            await self._insert(transaction.connection, owner, job_id, key, result)

    async def adopt(self, owner: str, keys: Sequence[str], job_id: str) -> Hit | None:
        """See ResultCache.adopt."""
        query = select(_c.cache_key, _c.result).where(_c.owner == owner, _c.cache_key.in_(keys), ~_c.released)
        query = query.order_by(_c.create_us.desc()).limit(1)
        async with self._database.read() as connection:  # a miss, the usual case, takes no write lock
            if (await connection.execute(query)).first() is None:
                return None
        async with self._database.write() as transaction:
            row = (await transaction.connection.execute(query.with_for_update())).first()
            if row is None:
                return None
            result = Result.from_bytes(row.result)
            await self._insert(transaction.connection, owner, job_id, row.cache_key, result)
            return Hit(row.cache_key, result)

    async def retire(self, owner: str, source: Source) -> None:
        """See ResultCache.retire."""
        async with self._database.write() as transaction:
            where = and_(_c.owner == owner, _of_source(source))
            await transaction.connection.execute(update(results).where(where).values(cache_key=""))

    async def settle(self, job_id: str, current: Source | None) -> Settled:
        """See ResultCache.settle."""
        query = select(_c.job_id, _c.source_job_id, _c.source_epoch, _c.released)
        query = query.where(or_(_c.job_id == job_id, _c.source_job_id == job_id))
        # In one order, so that two of these do not wait for one another crosswise.
        query = query.order_by(_c.job_id, _c.source_job_id, _c.source_epoch)
        released, kept = set[Source](), set[int]()
        async with self._database.write() as transaction:
            await transaction.connection.execute(query.with_for_update())
            # Read again: who held one of these rows may have added another, which a waiting statement does not see.
            for row in (await transaction.connection.execute(query)).all():
                source = Source(row.source_job_id, row.source_epoch)
                if row.job_id == job_id and source != current:
                    released.add(source)
                elif source.job_id == job_id and not row.released:
                    kept.add(source.epoch)
            for source in released:
                where = and_(_c.job_id == job_id, _of_source(source))
                statement = delete(results) if source.job_id == job_id else update(results).values(released=True)
                await transaction.connection.execute(statement.where(where))
        others = sorted((s for s in released if s.job_id != job_id), key=lambda s: (s.job_id, s.epoch))
        return Settled(frozenset(kept), tuple(others))

    async def forget(self, job_id: str, source: Source) -> None:
        """See ResultCache.forget."""
        async with self._database.write() as transaction:
            where = and_(_c.job_id == job_id, _of_source(source), _c.released)
            await transaction.connection.execute(delete(results).where(where))

    async def unowned(self, min_age_s: float) -> Sequence[tuple[str, str]]:
        """See ResultCache.unowned."""
        query = select(_c.owner, _c.job_id).distinct().outerjoin(jobs, jobs.c.id == _c.job_id)
        query = query.where(jobs.c.id.is_(None), _c.create_us < now_us() - int(min_age_s * 1e6))
        async with self._database.read() as connection:
            return [(row.owner, row.job_id) for row in (await connection.execute(query)).all()]

    async def _insert(self, connection: AsyncConnection, owner: str, job_id: str, key: str, result: Result) -> None:
        values = {
            "job_id": job_id,
            "source_job_id": result.source.job_id,
            "source_epoch": result.source.epoch,
            "owner": owner,
            "cache_key": key,
            "result": result.to_bytes(),
            "released": False,
            "create_us": now_us(),
        }
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        statement = insert(results).values(values)
        again = {name: values[name] for name in ("cache_key", "result", "released")}
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=[_c.job_id, _c.source_job_id, _c.source_epoch],
                set_=again,
            )
        )


def _of_source(source: Source) -> ColumnElement[bool]:
    return and_(_c.source_job_id == source.job_id, _c.source_epoch == source.epoch)
