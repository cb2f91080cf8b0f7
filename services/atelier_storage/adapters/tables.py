"""The tables of storage."""

from pathlib import Path

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, MetaData, String, Table, UniqueConstraint

from atelier_service.migrations.schema import Schema

metadata = MetaData()

# What follows from the bytes. One owner has one blob of one content.
blobs = Table(
    "storage_blobs",
    metadata,
    Column("key", String(400), primary_key=True),
    Column("owner", String(128), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("content_type", String(32), nullable=False),
    Column("width_px", BigInteger, nullable=False),
    Column("height_px", BigInteger, nullable=False),
    UniqueConstraint("owner", "sha256", name="storage_blobs_owner_sha256"),
)

# What the owner sees. Times are microseconds since the epoch.
assets = Table(
    "storage_assets",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(128), nullable=False),
    Column("blob_key", String(400), ForeignKey("storage_blobs.key"), nullable=False, index=True),
    Column("filename", String(200), nullable=False),
    Column("source", Integer, nullable=False),
    Column("job_id", String(64), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    # NULL, and not "", when there is none: NULLs are not equal to one another.
    Column("write_once_key", String(200), nullable=True),
    Column("create_time_us", BigInteger, nullable=False),
    UniqueConstraint("owner", "write_once_key", name="storage_assets_write_once"),
    Index("storage_assets_page", "owner", "create_time_us", "id"),
    Index("storage_assets_page_by_source", "owner", "source", "create_time_us", "id"),
    Index("storage_assets_job", "job_id"),
)

SCHEMAS = (Schema("storage", metadata, Path(__file__).parent / "migrations"),)
"""What storage's database holds."""
