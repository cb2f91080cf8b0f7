"""Statements that record a new job together with what it depends on: its place in the queue, the limit of its owner.

On PostgreSQL one statement does all of a submit, with key, event and outbox: one message to the server and back instead
of nine, and no connection is held in between.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Float,
    FromClause,
    Insert,
    Integer,
    Table,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from atelier_jobs.sql import schema
from atelier_jobs.sql.clock import now_us
from atelier_jobs.sql.standing import LATEST_FINISH, LIVE, VIRTUAL_TIME

_JOB, _EVENT, _OUTBOX, _KEY = "job_", "event_", "outbox_", "key_"
_PLACE = ("virtual_start", "virtual_finish")
_SENT_LATER = ("id", "sent_us")


def _values(table: Table, prefix: str, *without: str) -> dict[str, ColumnElement[Any]]:
    """A bound parameter for each column."""
    return {
        column.name: bindparam(f"{prefix}{column.name}", type_=column.type).label(column.name)
        for column in table.columns
        if column.name not in without
    }


_ADMITTED = select(
    func.coalesce(VIRTUAL_TIME, literal(0.0, Float)).label("virtual_time"),
    func.coalesce(LATEST_FINISH, literal(0.0, Float)).label("latest_finish"),
).where(bindparam("below", type_=Integer) > LIVE)


def _job_from(admitted: FromClause) -> Insert:
    """Inserts a job for each row of `admitted`, of which there is one or none."""
    later = admitted.c.virtual_time > admitted.c.latest_finish
    start = case((later, admitted.c.virtual_time), else_=admitted.c.latest_finish)
    values = _values(schema.jobs, _JOB, *_PLACE)
    places = [start, start + bindparam(f"{_JOB}cost", type_=Float)]
    return insert(schema.jobs).from_select([*values, *_PLACE], select(*values.values(), *places).select_from(admitted))


def _statement(*, with_key: bool) -> Executable:
    admitted = _ADMITTED.cte("admitted")
    source: FromClause = admitted
    if with_key:
        values = _values(schema.idempotency_keys, _KEY)
        key = (
            postgresql.insert(schema.idempotency_keys)
            .from_select(list(values), select(*values.values()).select_from(admitted))
            .on_conflict_do_nothing()
            .returning(literal(1).label("taken"))
            .cte("key")
        )
        source = select(admitted).where(exists(select(key.c.taken))).subquery()
    job = _job_from(source).returning(schema.jobs.c.virtual_start).cte("job")
    found = select(job.c.virtual_start, now_us().label("now_us"))
    for table, prefix, without in ((schema.job_events, _EVENT, ()), (schema.outbox, _OUTBOX, _SENT_LATER)):
        values = _values(table, prefix, *without)
        found = found.add_cte(
            insert(table).from_select(list(values), select(*values.values()).select_from(job)).cte(f"new_{table.name}")
        )
    return found


# Built once: one of them runs with every submit.
_WITHOUT_KEY, _WITH_KEY = _statement(with_key=False), _statement(with_key=True)
_JOB_ALONE = _job_from(_ADMITTED.subquery()).returning(schema.jobs.c.virtual_start)


async def insert_placed(connection: AsyncConnection, job: Mapping[str, Any], *, max_live: int | None) -> float | None:
    """Inserts a job alone, on any database; the arguments are those of `submit_at_once`.

    Returns:
        Its virtual start. None, and nothing is written, when its owner has too many jobs.
    """
    values = _standing_values(job, max_live) | {f"{_JOB}{name}": value for name, value in job.items()}
    start: float | None = (await connection.execute(_JOB_ALONE, values)).scalar_one_or_none()
    return start


async def submit_at_once(
    connection: AsyncConnection,
    *,
    job: Mapping[str, Any],
    event: Mapping[str, Any],
    outbox: Mapping[str, Any],
    key: Mapping[str, Any] | None,
    max_live: int | None,
) -> tuple[float, int] | None:
    """Records a job, unless something speaks against it.

    Args:
        connection: One that commits each statement.
        job: Its row, but for its place in virtual time.
        event: The row of its first event.
        outbox: The row that publishes it.
        key: The row of its idempotency key; None when there is none.
        max_live: How many unfinished jobs its owner must stay below, without this one; None: any number.

    Returns:
        Its virtual start and the database's time. None, and nothing is written, when the key is taken or the owner has
        too many jobs to count them without a lock.
    """
    values = _standing_values(job, max_live)
    for prefix, row in ((_JOB, job), (_EVENT, event), (_OUTBOX, outbox), (_KEY, key or {})):
        values |= {f"{prefix}{name}": value for name, value in row.items()}
    statement = _WITHOUT_KEY if key is None else _WITH_KEY
    found = (await connection.execute(statement, values)).one_or_none()
    return None if found is None else (found.virtual_start, found.now_us)


def _standing_values(job: Mapping[str, Any], max_live: int | None) -> dict[str, Any]:
    standing = {name: job[name] for name in ("owner", "kind", "priority")}
    return standing | {"max_live": max_live or 0, "below": max_live or 1}
