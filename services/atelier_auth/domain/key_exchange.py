"""Key exchange: an API key for a token."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from atelier_auth.domain.api_key import MAX_KEY_LENGTH, ApiKey, KeyText, digest_of
from atelier_auth.domain.key_cache import CachedToken, KeyCache
from atelier_auth.domain.last_use import LastUse
from atelier_auth.domain.ports import KeyStore
from atelier_auth.domain.token_issuer import TokenIssuer
from atelier_service.clock import Clock


class Refusal(Enum):
    """Why a credential is refused. For metrics only: the error is the same for all of them."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - a label
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Grant:
    """The caller's user id, and a token of it."""

    subject: str
    token: str = field(repr=False)


class KeyExchange:
    """Exchanges keys by the cache while its entries are fresh, else by the database.

    A key revoked at this replica is refused at once (`forget`); one revoked at another replica is refused within
    `recheck_s`, after which the database is read again. While the database is unavailable, known keys work for at most
    `recheck_s`, and then no key does: the exchange fails closed.
    """

    def __init__(
        self,
        store: KeyStore,
        issuer: TokenIssuer,
        clock: Clock,
        cache: KeyCache,
        last_use: LastUse,
        *,
        recheck_s: float,
        reserve_s: float,
    ) -> None:
        """Creates the exchange.

        Args:
            store: The keys.
            issuer: Makes the tokens.
            clock: The time.
            cache: The tokens made before.
            last_use: Records each exchange.
            recheck_s: Seconds after which a cached key is read from the database again.
            reserve_s: The shortest remaining lifetime, in seconds, of a token that is reused.
        """
        self._store = store
        self._issuer = issuer
        self._clock = clock
        self._cache = cache
        self._last_use = last_use
        self._recheck_us = int(recheck_s * 1_000_000)
        self._reserve_us = int(reserve_s * 1_000_000)

    async def exchange(self, text: str) -> Grant | Refusal:
        """Exchanges the text of a key.

        Returns:
            The grant, or why the key is refused.

        Raises:
            UnavailableError: The database is unavailable and the cache has no fresh entry.
        """
        if not text:
            return Refusal.MISSING
        if len(text) > MAX_KEY_LENGTH or not text.isascii():
            return Refusal.MALFORMED
        # A lookup by digest leaks nothing through its timing: no caller can choose a SHA-256 that is almost right.
        digest = digest_of(text)
        entry = self._cache.get(digest)
        now_us = self._clock.now_us()
        if entry is None or now_us >= min(entry.reuse_until_us, entry.checked_us + self._recheck_us):
            found = await self._ask(text, digest, entry)
            if isinstance(found, Refusal):
                return found
            entry = found
        self._last_use.note(entry.key_id)
        return Grant(subject=entry.subject, token=entry.token)

    async def _ask(self, text: str, digest: bytes, known: CachedToken | None) -> CachedToken | Refusal:
        parsed = KeyText.parse(text)
        if parsed is None:
            return Refusal.MALFORMED
        generation = self._cache.generation
        key = await self._store.key(parsed.id)
        if key is None:
            return Refusal.UNKNOWN
        if not key.matches(digest):
            return Refusal.WRONG_SECRET
        now_us = self._clock.now_us()
        if not key.lives(now_us):
            self._cache.forget(key.id)
            return Refusal.ENDED
        entry = await self._entry(key, known, now_us)
        self._cache.put(digest, entry, generation=generation)
        return entry

    async def _entry(self, key: ApiKey, known: CachedToken | None, now_us: int) -> CachedToken:
        if known is not None and now_us < known.reuse_until_us:
            text, reuse_until_us = known.token, known.reuse_until_us
        else:
            token = await self._issuer.in_place_of(key)
            text = token.text
            reuse_until_us = min(token.expire_us - self._reserve_us, key.expire_us or token.expire_us)
        return CachedToken(
            key_id=key.id, subject=key.user_id, token=text, reuse_until_us=reuse_until_us, checked_us=now_us
        )

    def forget(self, key_id: str) -> None:
        """Refuses the key from now on. Called after the revocation is committed and before it is acknowledged."""
        self._cache.forget(key_id)
