"""The key ring of a running process."""

import pytest

from atelier_auth.adapters.ed25519_signer import Ed25519Signer
from atelier_auth.domain.key_set import KeySet
from atelier_auth.domain.signing_key import RotationPolicy, SigningKey
from atelier_auth.domain.signing_keys import SigningKeys
from atelier_service.clock import FakeClock
from atelier_service.errors import UnavailableError

POLICY = RotationPolicy(max_age_s=86_400, publish_ahead_s=600, token_lifetime_s=300)


class MemorySigningKeys:
    """A SigningKeyStore that can be away."""

    def __init__(self) -> None:
        self.keys: list[SigningKey] = []
        self.away = False

    async def signing_keys(self) -> list[SigningKey]:
        """See the port."""
        if self.away:
            raise UnavailableError("DATABASE_UNAVAILABLE", "away")
        return list(self.keys)

    async def add_signing_key(self, key: SigningKey) -> bool:
        """See the port."""
        self.keys.append(key)
        return True


async def test_two_replicas_go_over_to_a_new_key_together() -> None:
    store, clock, signer = MemorySigningKeys(), FakeClock(), Ed25519Signer()
    one, two = (SigningKeys(store, signer, clock, POLICY) for _ in range(2))
    first = (await one.ring()).active(clock.now_us()).kid
    assert (await two.ring()).active(clock.now_us()).kid == first
    clock.advance(86_400)
    assert (await one.ring()).active(clock.now_us()).kid == first
    assert [key["kid"] for key in await KeySet(two, signer, clock).public_keys()] == [key.kid for key in store.keys]
    clock.advance(600)
    second = (await one.ring()).active(clock.now_us()).kid
    assert second != first
    assert (await two.ring()).active(clock.now_us()).kid == second
    assert len(store.keys) == 2


async def test_the_known_keys_stay_valid_while_the_database_is_unavailable() -> None:
    store, clock, signer = MemorySigningKeys(), FakeClock(), Ed25519Signer()
    keys = SigningKeys(store, signer, clock, POLICY)
    ring = await keys.ring()
    store.away = True
    clock.advance(3_600)
    assert await keys.ring() == ring


async def test_a_ring_that_was_never_read_is_unavailable() -> None:
    store = MemorySigningKeys()
    store.away = True
    with pytest.raises(UnavailableError):
        await SigningKeys(store, Ed25519Signer(), FakeClock(), POLICY).ring()
