"""Revoked keys are told to everybody who listens, whichever replica revoked them."""

from contextlib import aclosing

import pytest
from tests.ports.auth.memory_key_store import MemoryKeyStore
from tests.ports.auth.test_key_store import a_key
from tests.support.wait import eventually

from atelier_auth.domain.revocations import Revocations
from atelier_service.clock import FakeClock
from atelier_service.errors import UnavailableError
from atelier_service.process import background


class Replica:
    """One replica on a store that others share."""

    def __init__(self, store: MemoryKeyStore, clock: FakeClock) -> None:
        self.forgotten: list[str] = []
        self.told: list[frozenset[str]] = []
        self.revocations = Revocations(store, clock, forget=self.forgotten.append, every_s=0.01, keep_s=300)

    async def listen(self, since_us: int | None = None) -> None:
        """Remembers what is told, but for the words that say nothing."""
        async with aclosing(self.revocations.watch(since_us)) as told:
            async for revoked in told:
                if revoked.key_ids:
                    self.told.append(revoked.key_ids)


async def store_with_keys() -> MemoryKeyStore:
    store = MemoryKeyStore()
    for number in range(4):
        await store.add_key(a_key(f"k{number}"), limit=100, create_user=True)
    return store


async def revoke(store: MemoryKeyStore, key_id: str, clock: FakeClock) -> None:
    assert await store.revoke_key(key_id, user_id="ada", now_us=clock.now_us())


async def test_each_key_is_sent_once_also_one_that_another_replica_revoked() -> None:
    store, clock = await store_with_keys(), FakeClock()
    replica = Replica(store, clock)
    async with background(replica.revocations.run(), replica.listen()):
        await revoke(store, "k1", clock)
        await eventually(lambda: replica.told == [{"k1"}])
        clock.advance(1)
        await revoke(store, "k2", clock)
        await eventually(lambda: replica.told == [{"k1"}, {"k2"}])
        assert sorted(replica.forgotten) == ["k1", "k2"]


async def test_a_new_watcher_gets_current_revocations_and_a_returning_one_those_it_missed() -> None:
    store, clock = await store_with_keys(), FakeClock()
    await revoke(store, "k0", clock)
    clock.advance(1000)
    await revoke(store, "k1", clock)
    newcomer, returning = Replica(store, clock), Replica(store, clock)
    left_us = clock.now_us()
    clock.advance(200)
    await revoke(store, "k2", clock)
    async with background(newcomer.listen(), returning.listen(left_us + 100_000_000)):
        await eventually(lambda: newcomer.told and returning.told)
    assert newcomer.told == [{"k1", "k2"}]
    assert returning.told == [{"k2"}]


async def test_without_the_store_nothing_is_sent() -> None:
    store, clock = await store_with_keys(), FakeClock()
    replica = Replica(store, clock)
    async with background(replica.revocations.run(), replica.listen()):
        store.away = True
        with pytest.raises(UnavailableError):
            await anext(replica.revocations.watch(None))
        store.away = False
        await revoke(store, "k3", clock)
        replica.revocations.look()
        await eventually(lambda: replica.told == [{"k3"}])
