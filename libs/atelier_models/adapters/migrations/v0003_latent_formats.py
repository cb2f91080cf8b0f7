"""Workers report the format of their models' latents."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    table = f"{op.get_context().opts['kind']}_model_states"
    op.add_column(table, sa.Column("latents", sa.String(256), nullable=False, server_default=""))
