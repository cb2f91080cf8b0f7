"""The table of the content cache of version 0.1.0.

That version created its tables without a revision. `if_not_exists` passes them as they are.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    kind = op.get_context().opts["kind"]
    op.create_table(
        f"{kind}_results",
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("source_job_id", sa.String(64), nullable=False),
        sa.Column("source_epoch", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("cache_key", sa.String(64), nullable=False),
        sa.Column("result", sa.LargeBinary, nullable=False),
        sa.Column("released", sa.Boolean, nullable=False),
        sa.Column("create_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "source_job_id", "source_epoch"),
        if_not_exists=True,
    )
    op.create_index(f"{kind}_results_key", f"{kind}_results", ["owner", "cache_key"], if_not_exists=True)
    op.create_index(f"{kind}_results_source", f"{kind}_results", ["source_job_id"], if_not_exists=True)
