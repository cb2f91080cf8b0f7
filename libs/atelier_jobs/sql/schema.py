"""The tables of the job plane, which each service that has jobs has in its own database."""

from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

from atelier_service.migrations.schema import Schema

metadata = MetaData()

_ROW_ID = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER counts up by itself in SQLite
_WAITING, _HELD = text("state = 1"), text("state IN (2, 3)")
_UNSENT, _SENT = text("sent_us IS NULL"), text("sent_us IS NOT NULL")

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("state", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("spec", LargeBinary, nullable=False),
    Column("result", LargeBinary),
    Column("failure_reason", String(64)),
    Column("failure_message", Text),
    Column("attempt", Integer, nullable=False),
    Column("faults", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("worker", String(128), nullable=False),
    Column("lease_until_us", BigInteger, nullable=False),
    Column("step", Integer, nullable=False),
    Column("steps", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("traceparent", String(64), nullable=False),
    Column("cached", Boolean, nullable=False),
    Column("create_us", BigInteger, nullable=False),
    Column("queue_us", BigInteger, nullable=False),
    Column("start_us", BigInteger, nullable=False),
    Column("finish_us", BigInteger, nullable=False),
    # When a job that still waits is put on the queue once more, and how often that was done already.
    Column("redispatch_us", BigInteger, nullable=False),
    Column("redispatches", Integer, nullable=False),
    # Newest first, per owner; with a state in front for the filtered list and the quota.
    Index("jobs_owner", "owner", "kind", "id"),
    Index("jobs_owner_state", "owner", "kind", "state", "id"),
    Index("jobs_queue", "kind", "state", "queue_us"),
    # Partial: what the reconciler reads stays as small as the work in hand.
    Index("jobs_lease", "lease_until_us", sqlite_where=_HELD, postgresql_where=_HELD),
    Index("jobs_stale", "redispatch_us", sqlite_where=_WAITING, postgresql_where=_WAITING),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("topic", String(16), nullable=False),
    Column("job_id", String(64), nullable=False),
    Column("owner", String(128), nullable=False),
    Column("subject", Text, nullable=False),
    Column("message_id", String(128), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("traceparent", String(64), nullable=False),
    # Which process wrote it: that one publishes it at once, the others only when it is left lying.
    Column("origin", String(64), nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("sent_us", BigInteger),
    Index("outbox_unsent", "due_us", sqlite_where=_UNSENT, postgresql_where=_UNSENT),
    Index("outbox_sent", "sent_us", sqlite_where=_SENT, postgresql_where=_SENT),
)

job_events = Table(
    "job_events",
    metadata,
    Column("job_id", String(64), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", Integer, nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    PrimaryKeyConstraint("job_id", "seq"),
)

partial_results = Table(
    "partial_results",
    metadata,
    # What the present attempt of a job has made so far; gone as soon as no worker holds the job.
    Column("job_id", String(64), primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("value", LargeBinary, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("owner", String(128), nullable=False),
    Column("key", String(256), nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("job_id", String(64), nullable=False, index=True),
    Column("create_us", BigInteger, nullable=False, index=True),
    PrimaryKeyConstraint("owner", "key"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("job_id", String(64), nullable=False, index=True),
    Column("owner", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("failure_reason", String(64), nullable=False),
    Column("failure_message", Text, nullable=False),
    Column("spec", LargeBinary, nullable=False),
    Column("traceparent", String(64), nullable=False),
    Column("create_us", BigInteger, nullable=False),
)

SCHEMA = Schema("jobs", metadata, Path(__file__).parent / "migrations")
