"""Which signing key signs, which ones are published, when the next one comes."""

from atelier_auth.domain.signing_key import KeyRing, RotationPolicy, SigningKey

DAY_S = 86_400
POLICY = RotationPolicy(max_age_s=30 * DAY_S, publish_ahead_s=600, token_lifetime_s=300, clock_skew_s=60)


def ring(*created_s: int) -> KeyRing:
    """A ring of keys made at these seconds."""
    keys = [SigningKey(generation=n, kid=f"k{n}", private=b"", create_us=s * 10**6) for n, s in enumerate(created_s, 1)]
    return KeyRing.of(list(reversed(keys)), POLICY)


def published(of: KeyRing, at_s: int) -> list[str]:
    """The ids of the published keys."""
    return [key.kid for key in of.published(at_s * 10**6)]


def test_the_first_key_signs_at_once() -> None:
    assert ring(100).active(100 * 10**6).kid == "k1"


def test_an_empty_ring_and_an_old_one_need_a_key() -> None:
    assert ring().needs_successor(0)
    assert ring().next_generation == 1
    assert not ring(100).needs_successor((100 + 30 * DAY_S) * 10**6 - 1)
    assert ring(100).needs_successor((100 + 30 * DAY_S) * 10**6)
    assert ring(100).next_generation == 2


def test_a_new_key_is_published_before_it_signs() -> None:
    both = ring(100, 5_000)
    assert published(both, 5_000) == ["k1", "k2"]
    assert both.active(5_599 * 10**6).kid == "k1"
    assert both.active(5_600 * 10**6).kid == "k2"


def test_a_replaced_key_stays_published_while_a_token_of_its_may_live() -> None:
    both = ring(100, 5_000)
    assert published(both, 5_600 + 359) == ["k1", "k2"]
    assert published(both, 5_600 + 360) == ["k2"]


def test_every_token_verifies_through_years_of_rotation() -> None:
    keys: list[int] = [0]
    for now_s in range(0, 200 * DAY_S, 307):
        now = ring(*keys)
        if now.needs_successor(now_s * 10**6):
            keys.append(now_s)
            now = ring(*keys)
        signer = now.active(now_s * 10**6).kid
        assert signer in published(now, now_s)
        assert signer in published(now, now_s + POLICY.token_lifetime_s)
        assert len(published(now, now_s)) <= 2
    assert len(keys) == 7
