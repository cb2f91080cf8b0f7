"""Tables of the workers and of their models' states, in the database that holds the jobs."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import BigInteger, Column, Integer, MetaData, PrimaryKeyConstraint, String, Table, Text

from atelier_service.migrations.schema import Schema

_REVISIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True, eq=False)
class ModelTables:
    """The tables of one kind of job. Times are microseconds since the epoch by the database's clock."""

    schema: Schema
    workers: Table
    model_states: Table


@cache
def model_tables(kind: str) -> ModelTables:
    """Returns the tables of a kind, whose names begin with it."""
    metadata = MetaData()
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
        # What the model's files say; the names of schedulers with spaces between.
        Column("own_scheduler", String(32), nullable=False, server_default=""),
        Column("schedulers", String(256), nullable=False, server_default=""),
        Column("prompt_max_tokens", Integer, nullable=False, server_default="0"),
        # The format of the model's latents as JSON; empty while it is unknown.
        Column("latents", String(256), nullable=False, server_default=""),
        Column("update_us", BigInteger, nullable=False),
        PrimaryKeyConstraint("worker_id", "model_id"),
    )
    return ModelTables(Schema("models", metadata, _REVISIONS, kind), workers, model_states)
