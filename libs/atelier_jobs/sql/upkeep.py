"""Upkeep of the job store: expired leases, and old rows."""

from sqlalchemy import delete, select

from atelier_jobs.domain import transitions
from atelier_jobs.sql import schema
from atelier_jobs.sql.claims import count_end
from atelier_jobs.sql.clock import now_us
from atelier_jobs.sql.database import JobDatabase

_jobs = schema.jobs.c
_BATCH = 200

# Built once: it runs every other second.
_EXPIRED = select(_jobs.id).where(schema.HELD, _jobs.lease_until_us < now_us()).limit(_BATCH)


class SqlUpkeep:
    """Safe to run in several processes at once: each row is looked at again under its lock."""

    def __init__(self, database: JobDatabase) -> None:
        self._database = database

    async def reap_expired(self, delay_s: float = 1.0) -> int:
        """Ends every attempt whose lease has expired; see Upkeep.reap_expired."""
        async with self._database.read() as connection:
            expired = (await connection.execute(_EXPIRED)).scalars().all()
        reaped = 0
        for job_id in expired:
            async with self._database.write() as transaction:
                locked = await transaction.lock(job_id)
                change = None if locked is None else transitions.expire(*locked, delay_us=int(delay_s * 1e6))
                if locked is not None and change is not None:
                    await transaction.apply(locked[0], change, locked[1])
            if change is not None:
                count_end(change.job)
                reaped += 1
        return reaped

    async def purge(self, *, sent_after_s: float, keys_after_s: float) -> None:
        """Deletes old rows; see Upkeep.purge."""
        sent, keys = schema.outbox, schema.idempotency_keys
        async with self._database.write() as transaction:
            run = transaction.connection.execute
            await run(delete(sent).where(sent.c.sent_us < now_us() - int(sent_after_s * 1e6)))
            await run(delete(keys).where(keys.c.create_us < now_us() - int(keys_after_s * 1e6)))
