"""The tables of auth of version 0.1.0.

That version created its tables without a revision. `if_not_exists` passes them as they are.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("create_us", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("user_id", sa.String(64), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("display_name", sa.String(100), nullable=False),
        sa.Column("admin", sa.Boolean, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("create_us", sa.BigInteger, nullable=False),
        sa.Column("expire_us", sa.BigInteger),
        sa.Column("last_use_us", sa.BigInteger),
        sa.Column("revoke_us", sa.BigInteger),
        if_not_exists=True,
    )
    op.create_index("api_keys_of_user", "api_keys", ["user_id", "create_us", "id"], if_not_exists=True)
    op.create_table(
        "api_key_scopes",
        sa.Column("key_id", sa.String(32), sa.ForeignKey("api_keys.id"), primary_key=True),
        sa.Column("scopes", sa.String(200), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "signing_keys",
        sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kid", sa.String(64), nullable=False, unique=True),
        sa.Column("private", sa.LargeBinary, nullable=False),
        sa.Column("create_us", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
