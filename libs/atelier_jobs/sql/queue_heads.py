"""The heads of a queue: the first claimable jobs of each priority, found by index however long the queue is."""

from typing import Any

from sqlalchemy import Integer, Select, bindparam, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from atelier_jobs.domain.claim_order import Candidate, Priority
from atelier_jobs.domain.claims import ClaimRequest
from atelier_jobs.sql import schema
from atelier_jobs.sql.clock import statement_us

_jobs = schema.jobs.c


def _heads(*, accepts: bool) -> Select[Any]:
    """Selects the first jobs of each priority, each by a scan of the beginning of the index `jobs_claimable`."""
    legs = []
    for priority in reversed(Priority):
        leg = select(
            _jobs.id.label("job_id"), _jobs.priority, _jobs.virtual_start, _jobs.affinity, _jobs.queue_us
        ).where(
            _jobs.kind == bindparam("kind"), _jobs.priority == int(priority), schema.WAITING,
            _jobs.due_us <= statement_us(),
        )  # fmt: skip
        if accepts:
            leg = leg.where(or_(_jobs.affinity == "", _jobs.affinity.in_(bindparam("accepts", expanding=True))))
        legs.append(leg.order_by(_jobs.virtual_start, _jobs.id).limit(bindparam("heads", type_=Integer)).subquery())
    found = union_all(*(select(leg) for leg in legs)).subquery()
    return select(found, statement_us().label("now_us"))


# Built once: they run with every claim.
_ALL, _ACCEPTED = _heads(accepts=False), _heads(accepts=True)


async def read_heads(connection: AsyncConnection, request: ClaimRequest, count: int) -> tuple[list[Candidate], int]:
    """Reads the first `count` jobs of each priority that `request` could claim, without a lock.

    Returns:
        The candidates and the time, in microseconds since the epoch (0 when there are none).
    """
    values: dict[str, Any] = {"kind": request.kind, "heads": count}
    if request.accepts is not None:
        values["accepts"] = sorted(request.accepts)
    rows = (await connection.execute(_ALL if request.accepts is None else _ACCEPTED, values)).all()
    candidates = [
        Candidate(job_id=job_id, priority=Priority(priority), virtual_start=start, affinity=affinity, queue_us=queue_us)
        for job_id, priority, start, affinity, queue_us, _now in rows
    ]
    return candidates, int(rows[0].now_us) if rows else 0
