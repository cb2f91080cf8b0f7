"""Subqueries for the place and the limits of a new job; each reads one end of an index.

Parameters: `owner`, `kind`, `priority`, and how far to count, `max_live` and `max_queued`.
"""

from typing import Any

from sqlalchemy import ColumnElement, Integer, bindparam, func, literal, select

from atelier_jobs.sql import schema

_jobs = schema.jobs.c


def _count(*where: ColumnElement[Any], limit: str) -> ColumnElement[int]:
    some = select(literal(1)).select_from(schema.jobs).where(*where).limit(bindparam(limit, type_=Integer)).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


_OWNERS = (_jobs.owner == bindparam("owner"), _jobs.kind == bindparam("kind"), schema.LIVE)
LIVE = _count(*_OWNERS, limit="max_live")
QUEUED = _count(_jobs.kind == bindparam("kind"), schema.WAITING, limit="max_queued")
LATEST_FINISH = (
    select(_jobs.virtual_finish)
    .where(*_OWNERS, _jobs.priority == bindparam("priority"))
    .order_by(_jobs.virtual_finish.desc())
    .limit(1)
    .scalar_subquery()
)
VIRTUAL_TIME = (
    select(_jobs.virtual_start)
    .where(_jobs.kind == bindparam("kind"), _jobs.priority == bindparam("priority"), schema.STARTED)
    .order_by(_jobs.virtual_start.desc())
    .limit(1)
    .scalar_subquery()
)
