"""API key: its text, its record and its validity."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass

# `atl_<id>_<secret>`. The id is public (it is in lists and logs), the secret is not. The secret's alphabet may hold
# "_", so nothing splits on the last one.
_PATTERN = re.compile(r"atl_(?P<id>[a-z0-9]{8,32})_(?P<secret>[A-Za-z0-9_-]{32,128})")
_ID_ALPHABET = string.ascii_lowercase + string.digits
_SECRET_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 16
_SECRET_LENGTH = 43  # 43 characters of 62 are 256 bits

MAX_KEY_LENGTH = 4 + 32 + 1 + 128
"""The largest number of characters of a key; a longer text is refused before it is hashed."""


def digest_of(text: str) -> bytes:
    """Returns the digest (32 bytes) by which the database and caches store a key's text.

    Plain SHA-256 is right here: a slow, salted hash protects passwords, because people choose guessable ones. A secret
    of 256 random bits cannot be guessed from its hash, and equal secrets do not occur, so a salt would hide nothing.
    """
    return hashlib.sha256(text.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyText:
    """The parsed text of a key. Never logged, never stored."""

    id: str
    text: str

    @classmethod
    def parse(cls, text: str) -> KeyText | None:
        """Parses `text`; None when it is not the text of a key."""
        if len(text) > MAX_KEY_LENGTH:
            return None
        match = _PATTERN.fullmatch(text)
        return cls(id=match["id"], text=text) if match else None

    @classmethod
    def mint(cls) -> KeyText:
        """Generates a key of 256 random bits with a new random id."""
        key_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))
        secret = "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(_SECRET_LENGTH))
        return cls(id=key_id, text=f"atl_{key_id}_{secret}")

    @property
    def digest(self) -> bytes:
        """The digest that is stored: 32 bytes."""
        return digest_of(self.text)

    def __repr__(self) -> str:
        """Without the secret: a record like this ends up in tracebacks."""
        return f"KeyText(id={self.id!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key's record. Times are microseconds since the epoch, UTC."""

    id: str
    user_id: str
    display_name: str
    admin: bool
    scopes: frozenset[str]
    """The scopes of the key; an administrator's key has ADMIN."""
    digest: bytes
    create_us: int
    expire_us: int | None = None
    last_use_us: int | None = None
    revoke_us: int | None = None

    @property
    def prefix(self) -> str:
        """The public part of the key's text, by which its owner recognises it."""
        return f"atl_{self.id}"

    def matches(self, digest: bytes) -> bool:
        """Compares `digest` with that of this key, in constant time."""
        return hmac.compare_digest(self.digest, digest)

    def lives(self, now_us: int) -> bool:
        """Returns whether the key is valid at `now_us`: neither revoked nor expired."""
        return self.revoke_us is None and (self.expire_us is None or now_us < self.expire_us)
