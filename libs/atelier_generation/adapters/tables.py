"""What a service keeps beside its jobs, in the same database."""

from dataclasses import dataclass
from functools import cache

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """The tables of one kind of jobs. Times are microseconds since the epoch by the database's clock."""

    metadata: MetaData
    results: Table
    workers: Table
    model_states: Table


@cache
def tables_of(kind: str) -> Tables:
    """Their names begin with the kind."""
    metadata = MetaData()
    # Which job refers to which files: the references that keep them, and the content cache.
    results = Table(
        f"{kind}_results",
        metadata,
        Column("job_id", String(64), nullable=False),
        Column("source_job_id", String(64), nullable=False),
        Column("source_epoch", BigInteger, nullable=False),
        Column("owner", String(128), nullable=False),
        # Empty: answers no request.
        Column("cache_key", String(64), nullable=False),
        Column("result", LargeBinary, nullable=False),
        # True when the job has let go of the files and nobody has looked yet whether they can go.
        Column("released", Boolean, nullable=False),
        Column("create_us", BigInteger, nullable=False),
        PrimaryKeyConstraint("job_id", "source_job_id", "source_epoch"),
        Index(f"{kind}_results_key", "owner", "cache_key"),
        Index(f"{kind}_results_source", "source_job_id"),
    )
    workers = Table(
        f"{kind}_workers",
        metadata,
        Column("worker_id", String(128), primary_key=True),
        Column("heard_us", BigInteger, nullable=False),
    )
    model_states = Table(
        f"{kind}_model_states",
        metadata,
        Column("worker_id", String(128), nullable=False),
        Column("model_id", String(128), nullable=False),
        Column("state", String(16), nullable=False),
        Column("revision", String(128), nullable=False),
        Column("fingerprint", String(256), nullable=False),
        Column("memory_bytes", BigInteger, nullable=False),
        Column("reason", String(64), nullable=False),
        Column("message", Text, nullable=False),
        Column("update_us", BigInteger, nullable=False),
        PrimaryKeyConstraint("worker_id", "model_id"),
    )
    return Tables(metadata, results, workers, model_states)
