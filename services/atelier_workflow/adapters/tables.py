"""Tables of workflows, graphs of executions and nodes that workers report, in the database of executions."""

from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from atelier_service.migrations.schema import Schema

_metadata = MetaData()

workflows = Table(
    "workflows",
    _metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(128), nullable=False),
    Column("latest_version", Integer, nullable=False),
    # The version that everybody can read; 0: none.
    Column("published_version", Integer, nullable=False),
    Column("create_us", BigInteger, nullable=False),
    Index("workflows_owner", "owner", "id"),
)

workflow_versions = Table(
    "workflow_versions",
    _metadata,
    Column("workflow_id", String(64), ForeignKey("workflows.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", String(200), nullable=False),
    Column("description", Text, nullable=False),
    Column("graph", Text, nullable=False),
    # Typed inputs and named outputs, as JSON.
    Column("inputs", Text, nullable=False),
    Column("outputs", Text, nullable=False),
    Column("node_count", Integer, nullable=False),
    Column("create_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("workflow_id", "version"),
)

execution_graphs = Table(
    "execution_graphs",
    _metadata,
    Column("execution_id", String(64), primary_key=True),
    # With the values of typed inputs. Apart from the job, so that lists and claims do not read it.
    Column("graph", Text, nullable=False),
)

node_reports = Table(
    "node_reports",
    _metadata,
    Column("worker_id", String(128), primary_key=True),
    Column("heard_us", BigInteger, nullable=False),
    # SHA-256 of `nodes`, hex.
    Column("digest", String(64), nullable=False),
    # JSON of /object_info, compressed with zlib.
    Column("nodes", LargeBinary, nullable=False),
    Column("update_us", BigInteger, nullable=False),
)

SCHEMA = Schema("workflows", _metadata, Path(__file__).parent / "migrations")
