"""The tables of the job plane of version 0.1.0.

That version created its tables without a revision. `if_not_exists` passes them as they are.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only INTEGER counts up by itself in SQLite


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("spec", sa.LargeBinary, nullable=False),
        sa.Column("result", sa.LargeBinary),
        sa.Column("failure_reason", sa.String(64)),
        sa.Column("failure_message", sa.Text),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("faults", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("worker", sa.String(128), nullable=False),
        sa.Column("lease_until_us", sa.BigInteger, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("traceparent", sa.String(64), nullable=False),
        sa.Column("cached", sa.Boolean, nullable=False),
        sa.Column("create_us", sa.BigInteger, nullable=False),
        sa.Column("queue_us", sa.BigInteger, nullable=False),
        sa.Column("start_us", sa.BigInteger, nullable=False),
        sa.Column("finish_us", sa.BigInteger, nullable=False),
        sa.Column("redispatch_us", sa.BigInteger, nullable=False),
        sa.Column("redispatches", sa.Integer, nullable=False),
        if_not_exists=True,
    )
    _index("jobs_owner", "jobs", "owner", "kind", "id")
    _index("jobs_owner_state", "jobs", "owner", "kind", "state", "id")
    _index("jobs_queue", "jobs", "kind", "state", "queue_us")
    _index("jobs_lease", "jobs", "lease_until_us", where="state IN (2, 3)")
    _index("jobs_stale", "jobs", "redispatch_us", where="state = 1")
    op.create_table(
        "outbox",
        sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("topic", sa.String(16), nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("message_id", sa.String(128), nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("traceparent", sa.String(64), nullable=False),
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("due_us", sa.BigInteger, nullable=False),
        sa.Column("sent_us", sa.BigInteger),
        if_not_exists=True,
    )
    _index("outbox_unsent", "outbox", "due_us", where="sent_us IS NULL")
    _index("outbox_sent", "outbox", "sent_us", where="sent_us IS NOT NULL")
    op.create_table(
        "job_events",
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "seq"),
        if_not_exists=True,
    )
    op.create_table(
        "partial_results",
        sa.Column("job_id", sa.String(64), primary_key=True),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("key", sa.String(256), nullable=False),
        sa.Column("request_hash", sa.LargeBinary, nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("create_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("owner", "key"),
        if_not_exists=True,
    )
    _index("ix_idempotency_keys_job_id", "idempotency_keys", "job_id")
    _index("ix_idempotency_keys_create_us", "idempotency_keys", "create_us")
    op.create_table(
        "dead_letters",
        sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("failure_reason", sa.String(64), nullable=False),
        sa.Column("failure_message", sa.Text, nullable=False),
        sa.Column("spec", sa.LargeBinary, nullable=False),
        sa.Column("traceparent", sa.String(64), nullable=False),
        sa.Column("create_us", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    _index("ix_dead_letters_job_id", "dead_letters", "job_id")


def _index(name: str, table: str, *columns: str, where: str | None = None) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(name, table, columns, if_not_exists=True, sqlite_where=condition, postgresql_where=condition)
