"""The KeyStore port in memory: quick, and with moments that a test can hold open."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from atelier_auth.domain.api_key import ApiKey
from atelier_service.errors import AlreadyExistsError, NotFoundError, ResourceExhaustedError, UnavailableError


class MemoryKeyStore:
    """Behaves as the SQL store does: the port suite runs against both."""

    def __init__(self) -> None:
        self._users: set[str] = set()
        self._keys: dict[str, ApiKey] = {}
        self.reads = 0
        self.writes_of_uses = 0
        self.away = False
        """True makes every method raise UnavailableError."""
        self.after_read = asyncio.Event()
        """A read of a key has its answer, but hands it out only when this is set."""
        self.after_read.set()

    def _there(self) -> None:
        if self.away:
            raise UnavailableError("DATABASE_UNAVAILABLE", "the key store cannot be reached", retry_after_s=1.0)

    async def add_key(self, key: ApiKey, *, limit: int, create_user: bool) -> None:
        """See the port."""
        self._there()
        if not create_user and key.user_id not in self._users:
            raise NotFoundError("USER_NOT_FOUND", "there is no such user")
        if len(self._of(key.user_id)) >= limit:
            raise ResourceExhaustedError("API_KEY_LIMIT", "too many")
        if key.id in self._keys:
            raise AlreadyExistsError("API_KEY_EXISTS", "there is an API key of this id")
        self._users.add(key.user_id)
        self._keys[key.id] = key

    def _of(self, user_id: str) -> list[ApiKey]:
        return [key for key in self._keys.values() if key.user_id == user_id and key.revoke_us is None]

    async def key(self, key_id: str) -> ApiKey | None:
        """See the port."""
        self._there()
        self.reads += 1
        key = self._keys.get(key_id)
        await self.after_read.wait()
        return key

    async def keys_of(self, user_id: str, *, limit: int, before: tuple[int, str] | None) -> Sequence[ApiKey]:
        """See the port."""
        self._there()
        keys = sorted(self._of(user_id), key=lambda key: (key.create_us, key.id), reverse=True)
        return [key for key in keys if before is None or (key.create_us, key.id) < before][:limit]

    async def revoke_key(self, key_id: str, *, user_id: str, now_us: int) -> bool:
        """See the port."""
        self._there()
        key = self._keys.get(key_id)
        if key is None or key.user_id != user_id or key.revoke_us is not None:
            return False
        self._keys[key_id] = replace(key, revoke_us=now_us)
        return True

    async def revoked_since(self, since_us: int) -> Mapping[str, int]:
        """See the port."""
        self._there()
        return {
            key.id: key.revoke_us
            for key in self._keys.values()
            if key.revoke_us is not None and key.revoke_us >= since_us
        }

    async def record_uses(self, uses: Mapping[str, int]) -> None:
        """See the port."""
        self._there()
        self.writes_of_uses += 1
        for key_id, us in uses.items():
            if key_id in self._keys:
                key = self._keys[key_id]
                self._keys[key_id] = replace(key, last_use_us=max(us, key.last_use_us or 0))

    async def has_user(self, user_id: str) -> bool:
        """See the port."""
        self._there()
        return user_id in self._users
