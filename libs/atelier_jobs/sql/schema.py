"""The tables of the job plane, which each service that has jobs has in its own database."""

from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Double,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    literal_column,
    text,
)

from atelier_service.migrations.schema import Schema

metadata = MetaData()

_ROW_ID = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER counts up by itself in SQLite

# Written out, and not as bound parameters: a prepared statement finds a partial index by its text only.
WAITING: ColumnElement[Any] = literal_column("state = 1")
HELD: ColumnElement[Any] = literal_column("state IN (2, 3)")
LIVE: ColumnElement[Any] = literal_column("state IN (1, 2, 3)")
STARTED: ColumnElement[Any] = literal_column("start_us > 0")
CHILD: ColumnElement[Any] = literal_column("parent_id <> ''")

_UNSENT, _SENT = text("sent_us IS NULL"), text("sent_us IS NOT NULL")


def _progress() -> tuple[Column[Any], ...]:
    """How far the job has come; see Progress."""
    return (
        Column("progress_stage", String(64), nullable=False),
        Column("progress_done", BigInteger, nullable=False),
        Column("progress_total", BigInteger, nullable=False),
        Column("progress_unit", String(64), nullable=False),
        Column("progress_fraction", Double, nullable=False),
        Column("progress_detail", LargeBinary, nullable=False),
    )


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
    Column("worker", String(128), nullable=False),
    Column("lease_until_us", BigInteger, nullable=False),
    *_progress(),
    Column("seq", Integer, nullable=False),
    Column("traceparent", String(64), nullable=False),
    Column("cached", Boolean, nullable=False),
    Column("create_us", BigInteger, nullable=False),
    Column("queue_us", BigInteger, nullable=False),
    Column("start_us", BigInteger, nullable=False),
    Column("finish_us", BigInteger, nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("parent_id", String(64), nullable=False),
    Column("labels", JSON, nullable=False),
    Column("cost", Float, nullable=False),
    Column("affinity", String(256), nullable=False),
    # The place in the order of claims; see domain/claim_order.py.
    Column("virtual_start", Float, nullable=False),
    Column("virtual_finish", Float, nullable=False),
    # Newest first, per owner; with a state in front for the filtered list and the quota.
    Index("jobs_owner", "owner", "kind", "id"),
    Index("jobs_owner_state", "owner", "kind", "state", "id"),
    # Partial: what a claim reads, what an owner has unfinished, how far each priority has come, which leases run. Each
    # finds its row at one end, however many jobs there are.
    Index(
        "jobs_claimable",
        "kind",
        "priority",
        "virtual_start",
        "id",
        "due_us",
        "queue_us",
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    ),
    Index("jobs_live", "owner", "kind", "priority", "virtual_finish", sqlite_where=LIVE, postgresql_where=LIVE),
    Index("jobs_virtual_time", "kind", "priority", "virtual_start", sqlite_where=STARTED, postgresql_where=STARTED),
    Index("jobs_parent", "parent_id", sqlite_where=CHILD, postgresql_where=CHILD),
    Index("jobs_lease", "lease_until_us", sqlite_where=HELD, postgresql_where=HELD),
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
    # The job as it stood then; see JobEvent.
    Column("kind", String(32), nullable=False),
    Column("failure_reason", String(64)),
    Column("failure_message", Text),
    Column("cached", Boolean, nullable=False),
    *_progress(),
    Column("result", LargeBinary),
    Column("traceparent", String(64), nullable=False),
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
