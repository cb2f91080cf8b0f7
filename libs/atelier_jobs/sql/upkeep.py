"""What keeps the store in order: lost workers, lost messages, old rows."""

from sqlalchemy import delete, select, update

from atelier_jobs.domain import transitions
from atelier_jobs.domain.states import HELD, State
from atelier_jobs.sql import schema
from atelier_jobs.sql.claims import count_end
from atelier_jobs.sql.clock import now_us
from atelier_jobs.sql.database import JobDatabase, fetch_jobs

_jobs = schema.jobs.c
_BATCH = 200
_MAX_STALE_US = 3_600_000_000

# Built once: they run every other second.
_EXPIRED = (
    select(_jobs.id)
    .where(_jobs.state.in_([int(state) for state in HELD]), _jobs.lease_until_us < now_us())
    .limit(_BATCH)
)
_STALE = select(schema.jobs, _jobs.redispatches).where(_jobs.state == int(State.QUEUED), _jobs.redispatch_us < now_us())
_ANY_STALE = _STALE.limit(1)
_SOME_STALE = _STALE.order_by(_jobs.redispatch_us).limit(_BATCH).with_for_update(of=schema.jobs, skip_locked=True)


class SqlUpkeep:
    """Safe to run in several processes at once: each row is looked at again under its lock."""

    def __init__(self, database: JobDatabase) -> None:
        self._database = database

    async def reap_expired(self, delay_s: float = 1.0) -> int:
        """Ends every attempt whose lease ran out: its job is queued again (after `delay_s`, doubled with each fault),
        FAILED after the last attempt, or CANCELED when that was asked for. Answers how many."""
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

    async def redispatch_stale(self) -> int:
        """Puts jobs on the queue once more that nobody took for long; each time after twice as long (at most 1 h).

        The generation stays: whichever message is taken first wins, the others then name no claimable job.
        """
        async with self._database.read() as connection:
            if not (await connection.execute(_ANY_STALE)).first():
                return 0
        async with self._database.write() as transaction:
            now = await transaction.now_us()
            stale = (await transaction.connection.execute(_SOME_STALE)).mappings().all()
            if not stale:
                return 0
            for row in stale:
                wait_us = min(self._database.stale_after_us << (row["redispatches"] + 1), _MAX_STALE_US)
                await transaction.connection.execute(
                    update(schema.jobs)
                    .where(_jobs.id == row["id"])
                    .values(redispatch_us=now + wait_us, redispatches=row["redispatches"] + 1)
                )
            ids = [row["id"] for row in stale]
            await transaction.dispatch_again(
                await fetch_jobs(transaction.connection, select(schema.jobs).where(_jobs.id.in_(ids))), now
            )
        return len(stale)

    async def purge(self, *, sent_after_s: float, keys_after_s: float) -> None:
        """Removes outbox rows that went out so long ago, and idempotency keys so old that nobody repeats them."""
        sent, keys = schema.outbox, schema.idempotency_keys
        async with self._database.write() as transaction:
            run = transaction.connection.execute
            await run(delete(sent).where(sent.c.sent_us < now_us() - int(sent_after_s * 1e6)))
            await run(delete(keys).where(keys.c.create_us < now_us() - int(keys_after_s * 1e6)))
