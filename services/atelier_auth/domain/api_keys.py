"""Use cases of API keys: create, list, delete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from atelier_auth.domain.api_key import ApiKey, KeyText
from atelier_auth.domain.key_exchange import KeyExchange
from atelier_auth.domain.ports import KeyStore
from atelier_auth.domain.scopes import ADMIN, OF_A_KEY, granted
from atelier_service.clock import Clock
from atelier_service.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)

logger = structlog.get_logger(__name__)

MAX_KEYS_PER_USER = 100


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key: its record, and its text, which is not stored and cannot be shown again."""

    record: ApiKey
    text: str = field(repr=False)


class ApiKeys:
    """Creates, lists and revokes keys by the rules of the contract."""

    def __init__(
        self, store: KeyStore, exchange: KeyExchange, clock: Clock, *, revoked: Callable[[], None] = lambda: None
    ) -> None:
        """Creates the use cases; `revoked` is called after each revocation."""
        self._store = store
        self._exchange = exchange
        self._clock = clock
        self._revoked = revoked

    async def caller(self, key_id: str) -> ApiKey:
        """Returns the valid key from which the caller's token was made.

        A token outlives its key by up to its own lifetime, but cannot create tokens or keys after the key is revoked.
        Tokens of services and delegated tokens have no key, and cannot manage keys.

        Args:
            key_id: The key that the token names; empty for none.

        Raises:
            UnauthenticatedError: The key is unknown, expired or revoked.
        """
        key = await self._store.key(key_id) if key_id else None
        if key is None or not key.lives(self._clock.now_us()):
            raise UnauthenticatedError(
                "API_KEY_REQUIRED", "this needs an API key that still lives, or a token made from one"
            )
        return key

    async def create(
        self,
        caller: ApiKey,
        held: frozenset[str],
        *,
        display_name: str,
        expires_in_s: int,
        user_id: str,
        admin: bool,
        scopes: frozenset[str] = frozenset(),
    ) -> NewKey:
        """Creates a key for the caller, or for any user when an administrator calls.

        Args:
            caller: The key of the caller.
            held: The scopes of the caller's credential; the new key can have no others.
            display_name: A name for its owner.
            expires_in_s: Lifetime in seconds; 0: unlimited.
            user_id: Its owner; empty: the caller.
            admin: Whether it has the administrator's role.
            scopes: Its scopes; empty: those of `held` that a key can have.

        Raises:
            PermissionDeniedError: The caller may not create a key for this user or with these scopes.
            ResourceExhaustedError: The user has 100 keys.
        """
        owner = user_id or caller.user_id
        by_admin = caller.admin and ADMIN in held
        if not by_admin and (owner != caller.user_id or admin):
            raise PermissionDeniedError(
                "ADMIN_REQUIRED", "only an administrator gives keys to others or the administrator's role"
            )
        given = granted(scopes, held, otherwise=OF_A_KEY)
        now_us = self._clock.now_us()
        text = KeyText.mint()
        record = ApiKey(
            id=text.id,
            user_id=owner,
            display_name=display_name,
            admin=admin,
            scopes=given | {ADMIN} if admin else given,
            digest=text.digest,
            create_us=now_us,
            expire_us=now_us + expires_in_s * 1_000_000 if expires_in_s else None,
        )
        await self._store.add_key(record, limit=MAX_KEYS_PER_USER, create_user=by_admin)
        return NewKey(record, text.text)

    async def page(self, caller: ApiKey, *, limit: int, before: tuple[int, str] | None) -> list[ApiKey]:
        """Returns a page of the caller's keys; see `KeyStore.keys_of`."""
        return list(await self._store.keys_of(caller.user_id, limit=limit, before=before))

    async def revoke(self, caller: ApiKey, key_id: str) -> None:
        """Revokes one of the caller's keys at once.

        Raises:
            NotFoundError: There is no such key, or it belongs to another user.
        """
        revoked = await self._store.revoke_key(key_id, user_id=caller.user_id, now_us=self._clock.now_us())
        if not revoked:
            raise NotFoundError("API_KEY_NOT_FOUND", "there is no such API key")
        self._exchange.forget(key_id)
        self._revoked()

    async def ensure(self, text: KeyText, *, user_id: str, display_name: str) -> None:
        """Adds an administrator's key unless it exists: the development key that the launcher generated.

        A revoked key stays revoked, and earlier development keys stay valid.

        Raises:
            FailedPreconditionError: The id belongs to a key with another secret or owner.
        """
        record = ApiKey(
            id=text.id,
            user_id=user_id,
            display_name=display_name,
            admin=True,
            scopes=OF_A_KEY | {ADMIN},
            digest=text.digest,
            create_us=self._clock.now_us(),
        )
        known = await self._store.key(text.id)
        if known is None:
            try:
                await self._store.add_key(record, limit=MAX_KEYS_PER_USER, create_user=True)
            except AlreadyExistsError:  # another replica starts at the same moment
                known = await self._store.key(text.id)
        if known is None:
            return
        if not known.matches(text.digest) or known.user_id != user_id:
            raise FailedPreconditionError(
                "BOOTSTRAP_KEY_TAKEN", f"API key {text.id} exists with another secret or owner"
            )
        if not known.lives(self._clock.now_us()):
            logger.warning("the development key is revoked and stays so; set another one", key_id=text.id)
