"""Content cache and references to files, in SQL.

The last reference to a job's files is released, and their deletion decided, in one transaction that locks every row of
these files: another job that adopts the result does so before, and is counted, or after, and finds nothing.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import ColumnElement, Executable, Table, and_, bindparam, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from atelier_artifacts.adapters.tables import ArtifactTables
from atelier_artifacts.domain.result_cache import Hit, HitGoneError, Settled
from atelier_artifacts.domain.stored_files import Producer
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.outcome import Outcome, TransactionHook
from atelier_jobs.sql.clock import now_us
from atelier_jobs.sql.database import JobDatabase, Transaction
from atelier_service.sql import conflict_insert, upsert


class _Statements:
    """The statements, built once."""

    def __init__(self, results: Table) -> None:
        c = results.c
        self.newest = (
            select(c.cache_key, c.source_job_id, c.source_epoch, c.result)
            .where(c.owner == bindparam("owner"), c.cache_key.in_(bindparam("keys", expanding=True)), ~c.released)
            .order_by(c.create_us.desc())
            .limit(1)
        )
        self.still_there = (
            select(c.job_id)
            .where(
                c.owner == bindparam("owner"),
                c.cache_key == bindparam("key"),
                c.source_job_id == bindparam("source_job_id"),
                c.source_epoch == bindparam("source_epoch"),
                ~c.released,
            )
            # The job's own row first, which is written next: so one row is locked, and no deadlock with `settle` is
            # possible.
            .order_by((c.job_id == bindparam("job_id")).desc(), c.job_id)
            .limit(1)
            .with_for_update()
        )
        self.upsert = {dialect: _upsert(dialect, results) for dialect in ("sqlite", "postgresql")}


def _upsert(dialect: str, results: Table) -> Executable:
    insert = conflict_insert(dialect, results).values(create_us=now_us())
    return upsert(insert, ["job_id", "source_job_id", "source_epoch"], ["cache_key", "result", "released"])


class SqlResultCache:
    """A ResultCache in the database that holds the jobs."""

    def __init__(self, database: JobDatabase, tables: ArtifactTables) -> None:
        self._database = database
        self._results = tables.results
        self._statements = _Statements(tables.results)

    def adding(self, owner: str, job_id: str, key: str, source: Producer, result: bytes) -> TransactionHook:
        """See ResultCache.adding."""

        async def add(transaction: Transaction) -> None:
            await self._insert(transaction.connection, owner, job_id, Hit(key, source, result))

        return add

    def on_success(self, job: Job, outcome: Outcome) -> TransactionHook:
        """An OutcomeHook that records the job's reference to the files of its attempt, under the outcome's key."""
        return self.adding(job.owner, job.id, outcome.cache_key, Producer(job.id, job.epoch), outcome.result)

    async def find(self, owner: str, keys: Sequence[str]) -> Hit | None:
        """See ResultCache.find."""
        async with self._database.read() as connection:
            row = (await connection.execute(self._statements.newest, {"owner": owner, "keys": keys})).first()
        return None if row is None else Hit(row.cache_key, Producer(row.source_job_id, row.source_epoch), row.result)

    def adopting(self, owner: str, job_id: str, hit: Hit) -> TransactionHook:
        """See ResultCache.adopting."""

        async def adopt(transaction: Transaction) -> None:
            values = {
                "owner": owner,
                "key": hit.key,
                "job_id": job_id,
                "source_job_id": hit.source.job_id,
                "source_epoch": hit.source.epoch,
            }
            if (await transaction.connection.execute(self._statements.still_there, values)).first() is None:
                raise HitGoneError
            await self._insert(transaction.connection, owner, job_id, hit)

        return adopt

    async def retire(self, owner: str, source: Producer) -> None:
        """See ResultCache.retire."""
        c = self._results.c
        where = and_(c.owner == owner, self._of_producer(source))
        in_order = select(c.job_id).where(where).order_by(c.job_id).with_for_update()  # the order of `settle`
        async with self._database.write() as transaction:
            await transaction.connection.execute(in_order)
            await transaction.connection.execute(update(self._results).where(where).values(cache_key=""))

    async def settle(self, job_id: str, current: Callable[[Job | None], Producer | None]) -> Settled | None:
        """See ResultCache.settle."""
        c = self._results.c
        query = select(c.job_id, c.source_job_id, c.source_epoch, c.released)
        query = query.where(or_(c.job_id == job_id, c.source_job_id == job_id))
        # In one order, so that two of these transactions cannot deadlock.
        query = query.order_by(c.job_id, c.source_job_id, c.source_epoch)
        released, referenced = set[Producer](), set[int]()
        async with self._database.write() as transaction:
            # The job first, so that neither it nor its reference changes until the commit.
            locked = await transaction.lock(job_id)
            job = None if locked is None else locked[0]
            if job is not None and not job.state.terminal:
                return None
            present = current(job)
            await transaction.connection.execute(query.with_for_update())
            # Read again: a transaction that was waited for may have added a row that the first statement does not see.
            for row in (await transaction.connection.execute(query)).all():
                source = Producer(row.source_job_id, row.source_epoch)
                if row.job_id == job_id and source != present:
                    released.add(source)
                elif source.job_id == job_id and not row.released:
                    referenced.add(source.epoch)
            for source in released:
                where = and_(c.job_id == job_id, self._of_producer(source))
                own = source.job_id == job_id
                statement = delete(self._results) if own else update(self._results).values(released=True)
                await transaction.connection.execute(statement.where(where))
        others = sorted((s for s in released if s.job_id != job_id), key=lambda s: (s.job_id, s.epoch))
        return Settled(job, frozenset(referenced), tuple(others))

    async def forget(self, job_id: str, source: Producer) -> None:
        """See ResultCache.forget."""
        async with self._database.write() as transaction:
            where = and_(self._results.c.job_id == job_id, self._of_producer(source), self._results.c.released)
            await transaction.connection.execute(delete(self._results).where(where))

    async def _insert(self, connection: AsyncConnection, owner: str, job_id: str, hit: Hit) -> None:
        values = {
            "job_id": job_id,
            "source_job_id": hit.source.job_id,
            "source_epoch": hit.source.epoch,
            "owner": owner,
            "cache_key": hit.key,
            "result": hit.result,
            "released": False,
        }
        await connection.execute(self._statements.upsert[connection.dialect.name], values)

    def _of_producer(self, source: Producer) -> ColumnElement[bool]:
        c = self._results.c
        return and_(c.source_job_id == source.job_id, c.source_epoch == source.epoch)
