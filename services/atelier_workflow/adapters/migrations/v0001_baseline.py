"""The tables of workflows, of the graphs of executions, and of the nodes that workers report."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "workflows",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("latest_version", sa.Integer, nullable=False),
        sa.Column("published_version", sa.Integer, nullable=False),
        sa.Column("create_us", sa.BigInteger, nullable=False),
    )
    op.create_index("workflows_owner", "workflows", ["owner", "id"])
    op.create_table(
        "workflow_versions",
        sa.Column("workflow_id", sa.String(64), sa.ForeignKey("workflows.id"), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("graph", sa.Text, nullable=False),
        sa.Column("inputs", sa.Text, nullable=False),
        sa.Column("outputs", sa.Text, nullable=False),
        sa.Column("node_count", sa.Integer, nullable=False),
        sa.Column("create_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("workflow_id", "version"),
    )
    op.create_table(
        "execution_graphs",
        sa.Column("execution_id", sa.String(64), primary_key=True),
        sa.Column("graph", sa.Text, nullable=False),
    )
    op.create_table(
        "node_reports",
        sa.Column("worker_id", sa.String(128), primary_key=True),
        sa.Column("heard_us", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("nodes", sa.LargeBinary, nullable=False),
        sa.Column("update_us", sa.BigInteger, nullable=False),
    )
