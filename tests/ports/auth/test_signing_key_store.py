"""What the store of signing keys does on every database."""

import asyncio

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from atelier_auth.adapters.ed25519_signer import Ed25519Signer
from atelier_auth.adapters.seal import Seal
from atelier_auth.adapters.sql_signing_key_store import SqlSigningKeyStore
from atelier_auth.adapters.tables import SIGNING_KEYS
from atelier_auth.domain.signing_key import RotationPolicy
from atelier_auth.domain.signing_keys import SigningKeys
from atelier_service.clock import FakeClock
from atelier_service.errors import FailedPreconditionError

SECRET = "a secret of at least thirty-two characters"
POLICY = RotationPolicy(max_age_s=86_400, publish_ahead_s=600, token_lifetime_s=300)


@pytest.fixture
def store(engine: AsyncEngine) -> SqlSigningKeyStore:
    """A store that seals nothing."""
    return SqlSigningKeyStore(engine, Seal())


async def test_a_key_is_read_as_it_was_stored(store: SqlSigningKeyStore) -> None:
    key = Ed25519Signer().new_key(1, 1_000)
    assert await store.add_signing_key(key)
    assert list(await store.signing_keys()) == [key]


async def test_of_two_replicas_that_make_the_same_generation_one_wins(store: SqlSigningKeyStore) -> None:
    keys = [Ed25519Signer().new_key(1, 1_000) for _ in range(4)]
    kept = await asyncio.gather(*(store.add_signing_key(key) for key in keys))
    assert sorted(kept) == [False, False, False, True]
    assert list(await store.signing_keys()) == [keys[kept.index(True)]]


async def test_replicas_that_start_together_agree_on_one_key(engine: AsyncEngine) -> None:
    clock = FakeClock()
    replicas = [
        SigningKeys(SqlSigningKeyStore(engine, Seal()), Ed25519Signer(), clock, POLICY, refresh_s=60) for _ in range(4)
    ]
    rings = await asyncio.gather(*(replica.ring() for replica in replicas))
    assert len({ring.active(clock.now_us()).kid for ring in rings}) == 1


async def test_a_sealed_key_is_not_in_the_database_and_opens_only_with_its_secret(engine: AsyncEngine) -> None:
    key = Ed25519Signer().new_key(1, 1_000)
    sealed = SqlSigningKeyStore(engine, Seal(SECRET))
    await sealed.add_signing_key(key)
    async with engine.connect() as connection:
        stored = (await connection.execute(select(SIGNING_KEYS.c.private))).scalar_one()
    assert key.private not in stored
    assert list(await sealed.signing_keys()) == [key]
    for wrong in (Seal(), Seal(SECRET + "!")):
        with pytest.raises(FailedPreconditionError):
            await SqlSigningKeyStore(engine, wrong).signing_keys()


async def test_a_plain_key_is_still_read_after_a_secret_was_introduced(
    engine: AsyncEngine, store: SqlSigningKeyStore
) -> None:
    key = Ed25519Signer().new_key(1, 1_000)
    await store.add_signing_key(key)
    assert list(await SqlSigningKeyStore(engine, Seal(SECRET)).signing_keys()) == [key]
