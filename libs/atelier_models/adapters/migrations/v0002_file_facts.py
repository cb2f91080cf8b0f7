"""Workers report what the files of their models say: the own scheduler, the others, the length of a prompt."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    table = f"{op.get_context().opts['kind']}_model_states"
    op.add_column(table, sa.Column("own_scheduler", sa.String(32), nullable=False, server_default=""))
    op.add_column(table, sa.Column("schedulers", sa.String(256), nullable=False, server_default=""))
    op.add_column(table, sa.Column("prompt_max_tokens", sa.Integer, nullable=False, server_default="0"))
