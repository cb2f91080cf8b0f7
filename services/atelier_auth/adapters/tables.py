"""The tables. Times are microseconds since the epoch, UTC."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

from atelier_service.migrations.schema import Schema

METADATA = MetaData()

USERS = Table(
    "users",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("create_us", BigInteger, nullable=False),
)

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("user_id", String(64), ForeignKey("users.id"), nullable=False),
    Column("display_name", String(100), nullable=False),
    Column("admin", Boolean, nullable=False),
    # SHA-256 of the key's text; the text itself is nowhere.
    Column("digest", LargeBinary(32), nullable=False),
    Column("create_us", BigInteger, nullable=False),
    Column("expire_us", BigInteger),
    Column("last_use_us", BigInteger),
    # Revoked keys stay as rows: a key that comes back from a backup or a launcher's file stays refused.
    Column("revoke_us", BigInteger),
    Index("api_keys_of_user", "user_id", "create_us", "id"),
)

# Only of keys with fewer scopes than their owner may have: a key without a row here has all of them.
KEY_SCOPES = Table(
    "api_key_scopes",
    METADATA,
    Column("key_id", String(32), ForeignKey("api_keys.id"), primary_key=True),
    # Names with spaces between, as in a token.
    Column("scopes", String(200), nullable=False),
)

SIGNING_KEYS = Table(
    "signing_keys",
    METADATA,
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("kid", String(64), nullable=False, unique=True),
    Column("private", LargeBinary, nullable=False),
    Column("create_us", BigInteger, nullable=False),
)

SCHEMAS = (Schema("auth", METADATA, Path(__file__).parent / "migrations"),)
"""What auth's database holds."""
