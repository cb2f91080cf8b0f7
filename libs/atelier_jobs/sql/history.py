"""Reads the history of all jobs of a database, for the checker."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from atelier_jobs.domain.history import History, Output
from atelier_jobs.sql import schema
from atelier_jobs.sql.database import JobDatabase, fetch_jobs
from atelier_jobs.sql.rows import event_of


async def read_history(
    database: JobDatabase,
    *,
    accepted: Sequence[str],
    submits: Sequence[tuple[str, str, str]] = (),
    outputs: Mapping[str, Sequence[Output]] | None = None,
    expected: Mapping[str, str] | None = None,
) -> History:
    """Reads jobs and events; the other arguments are the fields of History that the caller has recorded."""
    events = select(schema.job_events).order_by(schema.job_events.c.job_id, schema.job_events.c.seq)
    async with database.read() as connection:
        jobs = await fetch_jobs(connection, select(schema.jobs))
        rows = (await connection.execute(events)).mappings().all()
    records = [event_of(row) for row in rows]
    return History(
        accepted=accepted, jobs=jobs, events=records, submits=submits, outputs=outputs or {}, expected=expected or {}
    )
