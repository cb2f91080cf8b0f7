"""Signing keys: which one signs, which ones are published, and when they are rotated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """An Ed25519 key pair. `private` is the 32-byte seed, which is stored only in the database."""

    generation: int
    """1, 2, 3 …: unique, so that when two replicas rotate at once, one fails and uses the other's key."""
    kid: str
    private: bytes = field(repr=False)
    create_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationPolicy:
    """When keys are rotated. All times in seconds."""

    max_age_s: int
    """A key this old gets a successor."""
    publish_ahead_s: int
    """How long a new key is published before it signs, so that every verifier has fetched it by then."""
    token_lifetime_s: int
    """The longest lifetime of a token: a replaced key stays published for so long."""
    clock_skew_s: int = 60
    """The largest clock skew: verifiers accept tokens for so long after their expiry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """The keys as read at one time, oldest first."""

    keys: tuple[SigningKey, ...]
    policy: RotationPolicy

    @classmethod
    def of(cls, keys: Sequence[SigningKey], policy: RotationPolicy) -> KeyRing:
        """Returns a ring of `keys`, which may be in any order."""
        return cls(keys=tuple(sorted(keys, key=lambda key: key.generation)), policy=policy)

    def _signs_from_us(self, key: SigningKey) -> int:
        # The first key of all has no predecessor that could sign while it is being published.
        if key is self.keys[0]:
            return key.create_us
        return key.create_us + self.policy.publish_ahead_s * 1_000_000

    def active(self, now_us: int) -> SigningKey:
        """Returns the key that signs at `now_us`: the newest published long enough. The ring must not be empty."""
        ready = [key for key in self.keys if self._signs_from_us(key) <= now_us]
        return ready[-1] if ready else self.keys[0]

    def published(self, now_us: int) -> tuple[SigningKey, ...]:
        """Returns the keys that may have signed a token still valid at `now_us`, and those that will sign next."""
        keep_us = (self.policy.token_lifetime_s + self.policy.clock_skew_s) * 1_000_000
        return tuple(
            key
            for key, successor in zip(self.keys, (*self.keys[1:], None), strict=True)
            if successor is None or now_us < self._signs_from_us(successor) + keep_us
        )

    def needs_successor(self, now_us: int) -> bool:
        """Returns whether a new key is due: there is none, or the newest is older than `max_age_s`."""
        return not self.keys or now_us >= self.keys[-1].create_us + self.policy.max_age_s * 1_000_000

    @property
    def next_generation(self) -> int:
        """The generation of the next key."""
        return self.keys[-1].generation + 1 if self.keys else 1
