"""Signing keys in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from atelier_auth.adapters.key_database import database
from atelier_auth.adapters.seal import Seal
from atelier_auth.adapters.tables import SIGNING_KEYS
from atelier_auth.domain.signing_key import SigningKey


class SqlSigningKeyStore:
    """The SigningKeyStore port on SQLite and PostgreSQL."""

    def __init__(self, engine: AsyncEngine, seal: Seal) -> None:
        self._engine = engine
        self._reader = engine.execution_options(readonly=True)
        self._seal = seal

    async def signing_keys(self) -> Sequence[SigningKey]:
        """See the port. Raises FailedPreconditionError where the seal does not open them."""
        async with database(), self._reader.connect() as connection:
            rows = (await connection.execute(select(SIGNING_KEYS))).mappings().all()
        return [
            SigningKey(
                generation=row["generation"],
                kid=row["kid"],
                private=self._seal.open(row["kid"], row["private"]),
                create_us=row["create_us"],
            )
            for row in rows
        ]

    async def add_signing_key(self, key: SigningKey) -> bool:
        """See the port."""
        row = {
            "generation": key.generation,
            "kid": key.kid,
            "private": self._seal.close(key.kid, key.private),
            "create_us": key.create_us,
        }
        try:
            async with database(), self._engine.begin() as connection:
                await connection.execute(insert(SIGNING_KEYS).values(row))
        except IntegrityError:
            return False  # another replica made this generation
        return True
