"""What every KeyStore does, whatever is below it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.ports.auth.memory_key_store import MemoryKeyStore

from atelier_auth.adapters.sql_key_store import SqlKeyStore
from atelier_auth.adapters.tables import SCHEMAS
from atelier_auth.domain.api_key import ApiKey, digest_of
from atelier_auth.domain.ports import KeyStore
from atelier_auth.domain.scopes import KEYS, OF_A_KEY, READ
from atelier_service.database import create_engine
from atelier_service.errors import AlreadyExistsError, NotFoundError, ResourceExhaustedError
from atelier_service.migrations.upgrade import upgrade


@pytest.fixture(params=["memory", "sql"])
async def store(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[KeyStore]:
    """Each store on each database; the one in memory needs none and costs nothing."""
    if request.param == "memory":
        yield MemoryKeyStore()
        return
    await upgrade(database_url, SCHEMAS)
    engine = create_engine(database_url)
    try:
        yield SqlKeyStore(engine)
    finally:
        await engine.dispose()


def a_key(key_id: str, user_id: str = "ada", create_us: int = 1_000) -> ApiKey:
    """A key of Ada's."""
    return ApiKey(
        id=key_id,
        user_id=user_id,
        display_name="laptop",
        admin=False,
        scopes=OF_A_KEY,
        digest=digest_of(key_id),
        create_us=create_us,
        expire_us=5_000_000,
    )


async def test_a_key_is_read_as_it_was_stored(store: KeyStore) -> None:
    await store.add_key(a_key("k1"), limit=100, create_user=True)
    assert await store.key("k1") == a_key("k1")
    assert await store.key("k2") is None


async def test_a_key_is_read_with_the_scopes_that_it_was_stored_with(store: KeyStore) -> None:
    await store.add_key(replace(a_key("k1"), scopes=frozenset({READ})), limit=100, create_user=True)
    await store.add_key(
        replace(a_key("k2", create_us=2_000), scopes=frozenset({READ, KEYS})), limit=100, create_user=True
    )
    await store.add_key(replace(a_key("k3", create_us=3_000), admin=True), limit=100, create_user=True)
    listed = await store.keys_of("ada", limit=9, before=None)
    assert [key.scopes for key in listed] == [OF_A_KEY, {READ, KEYS}, {READ}]
    found = await store.key("k1")
    assert found is not None
    assert found.scopes == {READ}


async def test_the_user_is_created_only_when_requested(store: KeyStore) -> None:
    with pytest.raises(NotFoundError):
        await store.add_key(a_key("k1"), limit=100, create_user=False)
    assert not await store.has_user("ada")
    await store.add_key(a_key("k1"), limit=100, create_user=True)
    assert await store.has_user("ada")
    await store.add_key(a_key("k2"), limit=100, create_user=False)


async def test_an_id_is_given_once(store: KeyStore) -> None:
    await store.add_key(a_key("k1"), limit=100, create_user=True)
    with pytest.raises(AlreadyExistsError):
        await store.add_key(a_key("k1", user_id="eve"), limit=100, create_user=True)
    found = await store.key("k1")
    assert found is not None
    assert found.user_id == "ada"


async def test_a_user_has_no_more_keys_than_the_limit_and_revoked_ones_do_not_count(store: KeyStore) -> None:
    await store.add_key(a_key("k1"), limit=2, create_user=True)
    await store.add_key(a_key("k2"), limit=2, create_user=True)
    with pytest.raises(ResourceExhaustedError):
        await store.add_key(a_key("k3"), limit=2, create_user=True)
    await store.add_key(a_key("k4", user_id="eve"), limit=2, create_user=True)
    await store.revoke_key("k1", user_id="ada", now_us=7)
    await store.add_key(a_key("k3"), limit=2, create_user=True)


async def test_the_limit_holds_against_requests_at_the_same_time(store: KeyStore) -> None:
    await store.add_key(a_key("k"), limit=3, create_user=True)
    adds = [store.add_key(a_key(f"k{n}"), limit=3, create_user=True) for n in range(8)]
    answers = await asyncio.gather(*adds, return_exceptions=True)
    assert [type(a) for a in answers if a is not None] == [ResourceExhaustedError] * 6
    assert len(await store.keys_of("ada", limit=100, before=None)) == 3


async def test_keys_are_listed_newest_first_and_page_without_gap_or_repeat(store: KeyStore) -> None:
    for n in range(7):
        await store.add_key(a_key(f"k{n}", create_us=1_000 + n // 3), limit=100, create_user=True)
    await store.add_key(a_key("other", user_id="eve"), limit=100, create_user=True)
    seen: list[str] = []
    before = None
    while page := await store.keys_of("ada", limit=3, before=before):
        seen += [key.id for key in page]
        before = (page[-1].create_us, page[-1].id)
    assert seen == ["k6", "k5", "k4", "k3", "k2", "k1", "k0"]


async def test_only_the_owner_revokes_and_only_once(store: KeyStore) -> None:
    await store.add_key(a_key("k1"), limit=100, create_user=True)
    assert not await store.revoke_key("k1", user_id="eve", now_us=7)
    assert await store.revoke_key("k1", user_id="ada", now_us=7)
    assert not await store.revoke_key("k1", user_id="ada", now_us=8)
    assert not await store.revoke_key("nothing", user_id="ada", now_us=8)
    key = await store.key("k1")
    assert key is not None
    assert key.revoke_us == 7
    assert list(await store.keys_of("ada", limit=100, before=None)) == []


async def test_revoked_keys_are_listed_from_a_time_on(store: KeyStore) -> None:
    for number in range(4):
        await store.add_key(a_key(f"k{number}"), limit=100, create_user=True)
    for number in range(3):
        await store.revoke_key(f"k{number}", user_id="ada", now_us=10 + number)
    assert await store.revoked_since(11) == {"k1": 11, "k2": 12}
    assert await store.revoked_since(13) == {}


async def test_the_last_use_never_moves_back_and_unknown_keys_are_passed_over(store: KeyStore) -> None:
    await store.add_key(a_key("k1"), limit=100, create_user=True)
    await store.add_key(a_key("k2"), limit=100, create_user=True)
    await store.record_uses({"k1": 120_000_000, "k2": 60_000_000, "gone": 1})
    await store.record_uses({"k1": 60_000_000, "k2": 180_000_000})
    await store.record_uses({})
    used = {key.id: key.last_use_us for key in await store.keys_of("ada", limit=100, before=None)}
    assert used == {"k1": 120_000_000, "k2": 180_000_000}
