"""SQL picks the next job: places in virtual time, priorities, costs and times due instead of dispatch messages."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NEW = (
    ("due_us", sa.BigInteger(), "0"),
    ("priority", sa.Integer(), "2"),
    ("parent_id", sa.String(64), ""),
    ("labels", sa.JSON(), "{}"),
    ("cost", sa.Float(), "1"),
    ("affinity", sa.String(256), ""),
    ("virtual_start", sa.Float(), "0"),
    ("virtual_finish", sa.Float(), "0"),
)


def upgrade() -> None:
    for name in ("jobs_stale", "jobs_queue"):
        op.drop_index(name, "jobs")
    with op.batch_alter_table("jobs") as jobs:
        for name, kind, value in _NEW:
            jobs.add_column(sa.Column(name, kind, nullable=False, server_default=value))
        for name in ("generation", "redispatch_us", "redispatches"):
            jobs.drop_column(name)
    # Each owner's jobs one after the other, as they came: that is where they would stand had they been submitted so.
    op.execute(
        "UPDATE jobs SET due_us = queue_us, virtual_start = places.place, virtual_finish = places.place + 1"
        " FROM (SELECT id, row_number() OVER (PARTITION BY kind, owner ORDER BY queue_us, id) - 1 AS place"
        " FROM jobs WHERE state = 1) AS places WHERE places.id = jobs.id"
    )
    with op.batch_alter_table("jobs") as jobs:
        for name, kind, _ in _NEW:
            jobs.alter_column(name, existing_type=kind, existing_nullable=False, server_default=None)
    _index("jobs_claimable", "kind", "priority", "virtual_start", "id", "due_us", "queue_us", where="state = 1")
    _index("jobs_live", "owner", "kind", "priority", "virtual_finish", where="state IN (1, 2, 3)")
    _index("jobs_virtual_time", "kind", "virtual_start", where="start_us > 0")
    _index("jobs_parent", "parent_id", where="parent_id <> ''")
    op.execute("DELETE FROM outbox WHERE topic = 'dispatch'")
    # A hint's payload was a message, and is the id of a job now.
    op.execute("DELETE FROM outbox WHERE topic = 'hint'")


def _index(name: str, *columns: str, where: str) -> None:
    op.create_index(name, "jobs", list(columns), sqlite_where=sa.text(where), postgresql_where=sa.text(where))
