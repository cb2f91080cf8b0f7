"""Key set: the public halves of the signing keys (RFC 7517)."""

from __future__ import annotations

from typing import Any

from atelier_auth.domain.ports import Signer
from atelier_auth.domain.signing_keys import SigningKeys
from atelier_service.clock import Clock


class KeySet:
    """The key set by which verifiers check tokens."""

    def __init__(self, keys: SigningKeys, signer: Signer, clock: Clock) -> None:
        self._keys = keys
        self._signer = signer
        self._clock = clock

    async def public_keys(self) -> list[dict[str, str]]:
        """Returns, oldest first, the JWKs of the keys that may have signed a valid token, or will sign next.

        Raises:
            UnavailableError: The keys were never read, and the database is unavailable.
        """
        ring = await self._keys.ring()
        return [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "x": self._signer.public_x(key),
                "kid": key.kid,
                "alg": "EdDSA",
                "use": "sig",
            }
            for key in ring.published(self._clock.now_us())
        ]

    async def jwks(self) -> dict[str, Any]:
        """Returns the set as JSON, as `TokenVerifier` reads it. Raises as `public_keys` does."""
        return {"keys": await self.public_keys()}
