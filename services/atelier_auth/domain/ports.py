"""Ports of the domain: the stores of keys, and the signer of tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from atelier_auth.domain.api_key import ApiKey
from atelier_auth.domain.signing_key import SigningKey


class KeyStore(Protocol):
    """Users and their API keys. Every method raises UnavailableError while the database cannot be reached."""

    async def add_key(self, key: ApiKey, *, limit: int, create_user: bool) -> None:
        """Stores a new key.

        Args:
            key: The key.
            limit: How many keys, revoked ones not counted, its user may have; checked in the same transaction.
            create_user: Adds the user where there is none yet.

        Raises:
            ResourceExhaustedError: The user has `limit` keys.
            AlreadyExistsError: The id is taken.
            NotFoundError: There is no such user, and `create_user` is False.
        """

    async def key(self, key_id: str) -> ApiKey | None:
        """One key, also a revoked or expired one."""

    async def keys_of(self, user_id: str, *, limit: int, before: tuple[int, str] | None) -> Sequence[ApiKey]:
        """Returns a page of the user's keys that are not revoked, newest first.

        Args:
            user_id: The user.
            limit: The size of the page.
            before: (create_us, id) of the last key of the page before; None for the first page.
        """

    async def revoke_key(self, key_id: str, *, user_id: str, now_us: int) -> bool:
        """Revokes a key of this user; returns False where the user has no such valid key."""

    async def revoked_since(self, since_us: int) -> Mapping[str, int]:
        """The keys that were revoked at `since_us` or later (key id → microseconds)."""

    async def record_uses(self, uses: Mapping[str, int]) -> None:
        """Stores when keys were last used (key id → microseconds). Never moves a time back."""

    async def has_user(self, user_id: str) -> bool:
        """Whether there is such a user."""


class SigningKeyStore(Protocol):
    """The signing keys. Every method raises UnavailableError while the database cannot be reached."""

    async def signing_keys(self) -> Sequence[SigningKey]:
        """All of them."""

    async def add_signing_key(self, key: SigningKey) -> bool:
        """Stores a new key; False where another process has made one of its generation."""


class Signable(Protocol):
    """Claims of a token, or of a signed URL."""

    def to_json(self) -> dict[str, object]:
        """The claim set as it is signed."""


class Signer(Protocol):
    """Signs tokens with Ed25519 keys."""

    def new_key(self, generation: int, now_us: int) -> SigningKey:
        """A new random pair."""

    def sign(self, claims: Signable, key: SigningKey) -> str:
        """The JWT in compact form; about 0.1 ms of processor time."""

    def public_x(self, key: SigningKey) -> str:
        """The public key as RFC 8037's `x`: base64url without padding."""
