"""The tables of storage of version 0.1.0.

That version created its tables without a revision. `if_not_exists` passes them as they are.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "storage_blobs",
        sa.Column("key", sa.String(400), primary_key=True),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("content_type", sa.String(32), nullable=False),
        sa.Column("width_px", sa.BigInteger, nullable=False),
        sa.Column("height_px", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("owner", "sha256", name="storage_blobs_owner_sha256"),
        if_not_exists=True,
    )
    op.create_table(
        "storage_assets",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("blob_key", sa.String(400), sa.ForeignKey("storage_blobs.key"), nullable=False),
        sa.Column("filename", sa.String(200), nullable=False),
        sa.Column("source", sa.Integer, nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("write_once_key", sa.String(200), nullable=True),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("owner", "write_once_key", name="storage_assets_write_once"),
        if_not_exists=True,
    )
    for name, *columns in (
        ("ix_storage_assets_blob_key", "blob_key"),
        ("storage_assets_page", "owner", "create_time_us", "id"),
        ("storage_assets_page_by_source", "owner", "source", "create_time_us", "id"),
        ("storage_assets_job", "job_id"),
    ):
        op.create_index(name, "storage_assets", columns, if_not_exists=True)
