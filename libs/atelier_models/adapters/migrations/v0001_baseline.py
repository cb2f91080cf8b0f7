"""The tables of workers and of their models' states of version 0.1.0.

That version created its tables without a revision. `if_not_exists` passes them as they are.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    kind = op.get_context().opts["kind"]
    op.create_table(
        f"{kind}_workers",
        sa.Column("worker_id", sa.String(128), primary_key=True),
        sa.Column("heard_us", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        f"{kind}_model_states",
        sa.Column("worker_id", sa.String(128), nullable=False),
        sa.Column("model_id", sa.String(128), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("revision", sa.String(128), nullable=False),
        sa.Column("fingerprint", sa.String(256), nullable=False),
        sa.Column("memory_bytes", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("update_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("worker_id", "model_id"),
        if_not_exists=True,
    )
