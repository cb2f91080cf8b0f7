"""SQL adapter of the outbox."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import BigInteger, Integer, and_, bindparam, or_, select, update

from atelier_jobs.domain.outbox import REPEAT, Cleanup, OutboxRow, Pending, Topic
from atelier_jobs.domain.states import State
from atelier_jobs.sql import schema
from atelier_jobs.sql.clock import now_us
from atelier_jobs.sql.database import JobDatabase, fetch_jobs

_rows = schema.outbox.c
_COLUMNS = [column for column in _rows if column.name not in ("origin", "sent_us")]


class SqlOutbox:
    """An Outbox.

    Rows of this process are read at once, those of other processes only when they are overdue by `grace_s` seconds: two
    relays that publish one row do no harm, since the broker drops duplicates, but twice the work.
    """

    def __init__(self, database: JobDatabase, *, grace_s: float = 2.0) -> None:
        self._database = database
        # Built once: it runs with every job.
        mine = and_(_rows.origin == database.origin, _rows.due_us <= now_us() + bindparam("ahead_us", type_=BigInteger))
        overdue = _rows.due_us <= now_us() - int(grace_s * 1e6)
        self._pending = (
            select(*_COLUMNS, now_us().label("now_us"))
            .where(_rows.sent_us.is_(None), _rows.topic.in_(bindparam("topics", expanding=True)), or_(mine, overdue))
            .order_by(_rows.due_us > now_us(), _rows.id)
            .limit(bindparam("limit", type_=Integer))
        )

    @property
    def written(self) -> asyncio.Event:
        """See Outbox.written."""
        return self._database.outbox_written

    @property
    def cleanup_written(self) -> asyncio.Event:
        """See Outbox.cleanup_written."""
        return self._database.cleanup_written

    async def pending(self, topics: Sequence[Topic], limit: int, *, ahead_s: float = 0.0) -> Pending:
        """See Outbox.pending."""
        values = {"topics": [topic.value for topic in topics], "limit": limit, "ahead_us": int(ahead_s * 1e6)}
        async with self._database.read() as connection:
            found = [dict(row) for row in (await connection.execute(self._pending, values)).mappings()]
        due, later_us = list[OutboxRow](), list[int]()
        for row in found:
            wait_us = row["due_us"] - row.pop("now_us")
            if wait_us > 0:
                later_us.append(wait_us)
            else:
                due.append(OutboxRow(**{**row, "topic": Topic(row["topic"])}))
        return Pending(due, min(later_us) / 1e6 if later_us else None)

    async def mark_sent(self, ids: Sequence[int]) -> None:
        """See Outbox.mark_sent."""
        async with self._database.write() as transaction:
            sent = update(schema.outbox).where(_rows.id.in_(ids)).values(sent_us=now_us())
            await transaction.connection.execute(sent)

    async def schedule_repeat(self, row_id: int, delay_s: float) -> None:
        """See Outbox.schedule_repeat."""
        await self._delay(row_id, delay_s, message_id=REPEAT)

    async def postpone(self, row_id: int, delay_s: float) -> None:
        """See Outbox.postpone."""
        await self._delay(row_id, delay_s)

    async def _delay(self, row_id: int, delay_s: float, **values: str) -> None:
        async with self._database.write() as transaction:
            later = update(schema.outbox).where(_rows.id == row_id)
            await transaction.connection.execute(later.values(due_us=now_us() + int(delay_s * 1e6), **values))

    async def cleanup_of(self, row: OutboxRow) -> Cleanup | None:
        """See Outbox.cleanup_of."""
        async with self._database.read() as connection:
            found = await fetch_jobs(connection, select(schema.jobs).where(schema.jobs.c.id == row.job_id))
        if not found:
            return Cleanup(row.job_id, row.owner, keep_epoch=0)
        job = found[0]
        if not job.state.terminal:
            return None
        keep = job.epoch if job.state is State.SUCCEEDED and not job.cached else 0
        return Cleanup(row.job_id, row.owner, keep_epoch=keep)
