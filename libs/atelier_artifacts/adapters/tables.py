"""Tables of the content cache, in the database that holds the jobs."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

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
)

from atelier_service.migrations.schema import Schema

_REVISIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True, eq=False)
class ArtifactTables:
    """The tables of one kind of job. Times are microseconds since the epoch by the database's clock."""

    schema: Schema
    results: Table


@cache
def artifact_tables(kind: str) -> ArtifactTables:
    """Returns the tables of a kind, whose names begin with it."""
    metadata = MetaData()
    # Which job refers to which files: the references that keep them, and the content cache.
    results = Table(
        f"{kind}_results",
        metadata,
        Column("job_id", String(64), nullable=False),
        Column("source_job_id", String(64), nullable=False),
        Column("source_epoch", BigInteger, nullable=False),
        Column("owner", String(128), nullable=False),
        # Empty: found for no request.
        Column("cache_key", String(64), nullable=False),
        Column("result", LargeBinary, nullable=False),
        # True when the job has released the files and the garbage collector has not checked them yet.
        Column("released", Boolean, nullable=False),
        Column("create_us", BigInteger, nullable=False),
        PrimaryKeyConstraint("job_id", "source_job_id", "source_epoch"),
        Index(f"{kind}_results_key", "owner", "cache_key"),
        Index(f"{kind}_results_source", "source_job_id"),
    )
    return ArtifactTables(Schema("artifacts", metadata, _REVISIONS, kind), results)
