"""Ports of the domain: the stores of keys, and the signer of tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from atelier_auth.domain.api_key import ApiKey
from atelier_auth.domain.signing_key import SigningKey


class KeyStore(Protocol):
    """Users and their API keys. Every method raises UnavailableError while the database is unavailable."""

    async def add_key(self, key: ApiKey, *, limit: int, create_user: bool) -> None:
        """Stores a new key.

        Args:
            key: The key.
            limit: The largest number of its user's keys, without revoked ones; checked in the same transaction.
            create_user: Whether to add the user if there is none.

        Raises:
            ResourceExhaustedError: The user has `limit` keys.
            AlreadyExistsError: The id is taken.
            NotFoundError: There is no such user, and `create_user` is False.
        """

    async def key(self, key_id: str) -> ApiKey | None:
        """Returns one key, which may be revoked or expired; None when there is no such key."""

    async def keys_of(self, user_id: str, *, limit: int, before: tuple[int, str] | None) -> Sequence[ApiKey]:
        """Returns a page of the user's keys that are not revoked, newest first.

        Args:
            user_id: The user.
            limit: The size of the page.
            before: (create_us, id) of the last key of the page before; None for the first page.
        """

    async def revoke_key(self, key_id: str, *, user_id: str, now_us: int) -> bool:
        """Revokes a key of this user. Returns False when the user has no such key, or it is revoked already."""

    async def revoked_since(self, since_us: int) -> Mapping[str, int]:
        """Returns the keys revoked at `since_us` or later (key id → microseconds since the epoch)."""

    async def record_uses(self, uses: Mapping[str, int]) -> None:
        """Stores when keys were last used (key id → microseconds since the epoch). Ignores earlier times."""

    async def has_user(self, user_id: str) -> bool:
        """Returns whether there is such a user."""


class SigningKeyStore(Protocol):
    """The signing keys. Every method raises UnavailableError while the database is unavailable."""

    async def signing_keys(self) -> Sequence[SigningKey]:
        """Returns all signing keys, in any order."""

    async def add_signing_key(self, key: SigningKey) -> bool:
        """Stores a new key. Returns False when another process has stored one of the same generation."""


class Signable(Protocol):
    """Claims of a token, or of a signed URL."""

    def to_json(self) -> dict[str, object]:
        """The claim set as it is signed."""


class Signer(Protocol):
    """Signs tokens with Ed25519 keys."""

    def new_key(self, generation: int, now_us: int) -> SigningKey:
        """Generates a key pair of this generation, created at `now_us`."""

    def sign(self, claims: Signable, key: SigningKey) -> str:
        """Returns the JWT in compact form. Takes about 0.1 ms of processor time."""

    def public_x(self, key: SigningKey) -> str:
        """Returns the public key as `x` of RFC 8037: base64url without padding."""
