"""The public half of the signing keys."""

from __future__ import annotations

from typing import Any

from atelier_auth.domain.ports import Signer
from atelier_auth.domain.signing_keys import SigningKeys
from atelier_service.clock import Clock


class KeySet:
    """What verifiers are given (RFC 7517)."""

    def __init__(self, keys: SigningKeys, signer: Signer, clock: Clock) -> None:
        self._keys = keys
        self._signer = signer
        self._clock = clock

    async def public_keys(self) -> list[dict[str, str]]:
        """The keys that may have signed a token that still lives, and those that sign next, oldest first.

        Raises:
            UnavailableError: Never read, and the database is unavailable.
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
        """The set as JSON: what a TokenVerifier reads."""
        return {"keys": await self.public_keys()}
