"""Each priority has a virtual time of its own: the index that finds it begins with kind and priority."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    started = sa.text("start_us > 0")
    op.drop_index("jobs_virtual_time", "jobs")
    op.create_index(
        "jobs_virtual_time",
        "jobs",
        ["kind", "priority", "virtual_start"],
        sqlite_where=started,
        postgresql_where=started,
    )
