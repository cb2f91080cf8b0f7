"""Keys become tokens: from memory while it may, from the store else, never after a revocation."""

import asyncio
from dataclasses import dataclass

import pytest
from tests.ports.auth.memory_key_store import MemoryKeyStore
from tests.support.wait import eventually

from atelier_auth.adapters.ed25519_signer import Ed25519Signer
from atelier_auth.domain.api_key import ApiKey, KeyText
from atelier_auth.domain.api_keys import ApiKeys
from atelier_auth.domain.key_cache import KeyCache
from atelier_auth.domain.key_exchange import Grant, KeyExchange, Refusal
from atelier_auth.domain.last_use import LastUse
from atelier_auth.domain.scopes import OF_A_KEY
from atelier_auth.domain.signing_key import RotationPolicy, SigningKey
from atelier_auth.domain.signing_keys import SigningKeys
from atelier_auth.domain.token_issuer import TokenIssuer
from atelier_service.clock import FakeClock
from atelier_service.errors import UnavailableError


class OneSigningKey:
    """A SigningKeyStore with one key."""

    def __init__(self, key: SigningKey) -> None:
        self.keys = [key]

    async def signing_keys(self) -> list[SigningKey]:
        """See the port."""
        return self.keys

    async def add_signing_key(self, key: SigningKey) -> bool:
        """See the port."""
        self.keys.append(key)
        return True


@dataclass
class Bench:
    """An exchange with everything around it."""

    clock: FakeClock
    store: MemoryKeyStore
    exchange: KeyExchange
    keys: ApiKeys
    last_use: LastUse

    async def new_key(self, *, expires_in_s: int = 0) -> str:
        """A key of Ada's."""
        text = KeyText.mint()
        now_us = self.clock.now_us()
        record = ApiKey(
            id=text.id,
            user_id="ada",
            display_name="laptop",
            admin=False,
            scopes=OF_A_KEY,
            digest=text.digest,
            create_us=now_us,
            expire_us=now_us + expires_in_s * 1_000_000 if expires_in_s else None,
        )
        await self.store.add_key(record, limit=100, create_user=True)
        return text.text

    async def token(self, text: str) -> str:
        """The token of a key that is expected to live."""
        answer = await self.exchange.exchange(text)
        assert isinstance(answer, Grant), answer
        return answer.token


@pytest.fixture
def bench() -> Bench:
    """Tokens of 300 s of which 60 s are kept in reserve, a look at the store every 5 s."""
    clock, store, signer = FakeClock(), MemoryKeyStore(), Ed25519Signer()
    policy = RotationPolicy(max_age_s=86_400, publish_ahead_s=600, token_lifetime_s=300)
    ring = SigningKeys(OneSigningKey(signer.new_key(1, clock.now_us())), signer, clock, policy)
    last_use = LastUse(store, clock, collect_s=0.01)
    issuer = TokenIssuer(ring, signer, clock, lifetime_s=300)
    exchange = KeyExchange(store, issuer, clock, KeyCache(100), last_use, recheck_s=5, reserve_s=60)
    return Bench(clock, store, exchange, ApiKeys(store, exchange, clock), last_use)


async def test_a_known_key_costs_no_read(bench: Bench) -> None:
    key = await bench.new_key()
    tokens = {await bench.token(key) for _ in range(100)}
    assert len(tokens) == 1
    assert bench.store.reads == 1


async def test_a_key_is_looked_up_again_after_the_recheck_time_and_keeps_its_token(bench: Bench) -> None:
    key = await bench.new_key()
    first = await bench.token(key)
    bench.clock.advance(5)
    assert await bench.token(key) == first
    assert bench.store.reads == 2


async def test_a_token_is_made_anew_before_it_ends(bench: Bench) -> None:
    key = await bench.new_key()
    first = await bench.token(key)
    bench.clock.advance(238)
    assert await bench.token(key) == first
    bench.clock.advance(2)
    assert await bench.token(key) != first


async def test_a_revoked_key_is_refused_at_once(bench: Bench) -> None:
    key = await bench.new_key()
    await bench.token(key)
    owner = await bench.store.key(key.split("_")[1])
    assert owner is not None
    await bench.keys.revoke(owner, owner.id)
    assert await bench.exchange.exchange(key) is Refusal.ENDED


async def test_a_key_revoked_while_it_was_being_read_does_not_come_back_from_memory(bench: Bench) -> None:
    key = await bench.new_key()
    owner = await bench.store.key(key.split("_")[1])
    assert owner is not None
    bench.store.after_read.clear()
    reading = asyncio.create_task(bench.exchange.exchange(key))
    await eventually(lambda: bench.store.reads == 2)
    await bench.keys.revoke(owner, owner.id)
    bench.store.after_read.set()
    await reading  # it was asked before the revocation
    assert await bench.exchange.exchange(key) is Refusal.ENDED


async def test_a_key_that_another_replica_revoked_is_refused_within_the_recheck_time(bench: Bench) -> None:
    key = await bench.new_key()
    await bench.token(key)
    await bench.store.revoke_key(key.split("_")[1], user_id="ada", now_us=bench.clock.now_us())
    bench.clock.advance(5)
    assert await bench.exchange.exchange(key) is Refusal.ENDED
    assert await bench.exchange.exchange(key) is Refusal.ENDED


async def test_a_key_ends_on_time_though_it_is_in_memory(bench: Bench) -> None:
    key = await bench.new_key(expires_in_s=3)
    await bench.token(key)
    bench.clock.advance(2.9)
    await bench.token(key)
    bench.clock.advance(0.1)
    assert await bench.exchange.exchange(key) is Refusal.ENDED


async def test_every_bad_credential_is_refused(bench: Bench) -> None:
    key = await bench.new_key()
    await bench.token(key)
    assert await bench.exchange.exchange("") is Refusal.MISSING
    assert await bench.exchange.exchange("dev") is Refusal.MALFORMED
    assert await bench.exchange.exchange("x" * 1_000_000) is Refusal.MALFORMED
    assert await bench.exchange.exchange(KeyText.mint().text) is Refusal.UNKNOWN
    assert await bench.exchange.exchange(key[:-1] + ("a" if key[-1] != "a" else "b")) is Refusal.WRONG_SECRET
    assert await bench.exchange.exchange(key + "\ud800") is Refusal.MALFORMED


async def test_without_the_store_known_keys_work_until_the_recheck_and_then_nothing_does(bench: Bench) -> None:
    key, other = await bench.new_key(), await bench.new_key()
    await bench.token(key)
    bench.store.away = True
    await bench.token(key)
    with pytest.raises(UnavailableError):
        await bench.exchange.exchange(other)
    bench.clock.advance(5)
    with pytest.raises(UnavailableError):
        await bench.exchange.exchange(key)
    bench.store.away = False
    await bench.token(key)


async def test_uses_are_written_together_and_to_the_minute(bench: Bench) -> None:
    keys = [await bench.new_key() for _ in range(3)]
    for key in keys * 50:
        await bench.token(key)
    await bench.last_use.flush()
    assert bench.store.writes_of_uses == 1
    for key in keys:
        record = await bench.store.key(key.split("_")[1])
        assert record is not None
        assert record.last_use_us == bench.clock.now_us() // 60_000_000 * 60_000_000


async def test_a_use_is_written_beside_the_check_and_once_more_in_the_next_minute(bench: Bench) -> None:
    key = await bench.new_key()
    writer = asyncio.create_task(bench.last_use.run())
    await bench.token(key)
    await eventually(lambda: bench.store.writes_of_uses == 1)
    bench.clock.advance(61)
    await bench.token(key)
    await eventually(lambda: bench.store.writes_of_uses == 2)
    writer.cancel()


async def test_uses_recorded_while_the_store_is_unavailable_are_written_afterwards(bench: Bench) -> None:
    key = await bench.new_key()
    await bench.token(key)
    bench.store.away = True
    await bench.last_use.flush()
    bench.store.away = False
    await bench.last_use.flush()
    record = await bench.store.key(key.split("_")[1])
    assert record is not None
    assert record.last_use_us is not None
