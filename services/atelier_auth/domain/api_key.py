"""API keys: their text, their record, their life."""

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
"""Characters of the longest text that can be a key; anything longer is refused before it is hashed."""


def digest_of(text: str) -> bytes:
    """The 32 bytes that stand for a key's text in the database and in caches.

    Plain SHA-256 is right here: a slow, salted hash protects passwords, because people choose guessable ones. A secret
    of 256 random bits cannot be guessed from its hash, and equal secrets do not occur, so a salt would hide nothing.
    """
    return hashlib.sha256(text.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyText:
    """The text of a key, taken apart. Never logged, never stored."""

    id: str
    text: str

    @classmethod
    def parse(cls, text: str) -> KeyText | None:
        """The key in `text`, or None where there is none."""
        if len(text) > MAX_KEY_LENGTH:
            return None
        match = _PATTERN.fullmatch(text)
        return cls(id=match["id"], text=text) if match else None

    @classmethod
    def mint(cls) -> KeyText:
        """A new key of 256 random bits under a new random id."""
        key_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))
        secret = "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(_SECRET_LENGTH))
        return cls(id=key_id, text=f"atl_{key_id}_{secret}")

    @property
    def digest(self) -> bytes:
        """What is stored of it: 32 bytes."""
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
    """What it may be used for; an administrator's key has ADMIN in it."""
    digest: bytes
    create_us: int
    expire_us: int | None = None
    last_use_us: int | None = None
    revoke_us: int | None = None

    @property
    def prefix(self) -> str:
        """The public part of the key's text, by which its owner knows it again."""
        return f"atl_{self.id}"

    def matches(self, digest: bytes) -> bool:
        """Whether `digest` is this key's, in constant time."""
        return hmac.compare_digest(self.digest, digest)

    def lives(self, now_us: int) -> bool:
        """Whether it opens anything at `now_us`: neither revoked nor over."""
        return self.revoke_us is None and (self.expire_us is None or now_us < self.expire_us)
