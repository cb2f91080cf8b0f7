"""The memory of exchanged keys."""

from atelier_auth.domain.key_cache import CachedToken, KeyCache


def entry(key_id: str) -> CachedToken:
    """An entry that is good for long."""
    return CachedToken(key_id=key_id, subject="ada", token="t", reuse_until_us=10**18, checked_us=0)


def test_the_least_recently_used_entry_goes_first() -> None:
    cache = KeyCache(2)
    cache.put(b"1", entry("k1"), generation=cache.generation)
    cache.put(b"2", entry("k2"), generation=cache.generation)
    cache.get(b"1")
    cache.put(b"3", entry("k3"), generation=cache.generation)
    assert cache.get(b"2") is None
    assert cache.get(b"1") is not None
    assert len(cache) == 2


def test_a_forgotten_key_is_gone_and_the_others_stay() -> None:
    cache = KeyCache(10)
    cache.put(b"1", entry("k1"), generation=cache.generation)
    cache.put(b"2", entry("k2"), generation=cache.generation)
    cache.forget("k1")
    cache.forget("k1")
    assert cache.get(b"1") is None
    assert cache.get(b"2") is not None


def test_what_was_read_before_a_revocation_is_not_cached_after_it() -> None:
    cache = KeyCache(10)
    before = cache.generation
    cache.forget("k1")
    assert not cache.put(b"1", entry("k1"), generation=before)
    assert cache.get(b"1") is None
