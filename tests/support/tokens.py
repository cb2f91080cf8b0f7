"""Tokens for tests of one service, signed by a real key of the test's own."""

import time
from typing import Any

from joserfc import jwt
from joserfc.jwk import OKPKey

from atelier_service.identity import AUDIENCE, ISSUER, TokenVerifier
from atelier_service.ids import uuid7


class TestSigner:
    """Stands where `auth` stands: signs tokens and serves the key set that verifies them."""

    __test__ = False  # no test class, whatever its name says

    def __init__(self, kid: str = "test-key") -> None:
        self.key = OKPKey.generate_key("Ed25519", {"kid": kid, "alg": "EdDSA", "use": "sig"})

    def token(
        self,
        subject: str = "ada",
        *,
        roles: tuple[str, ...] = ("user",),
        lifetime_s: float = 300,
        **claims: Any,
    ) -> str:
        """A token of `subject`; `claims` are added or replace what is set here."""
        now = int(time.time())
        users = "read submit keys admin" if "admin" in roles else "read submit keys"
        scopes = "" if {"service", "worker"} & set(roles) else users
        body = {
            "iss": ISSUER, "aud": [AUDIENCE], "sub": subject, "roles": list(roles), "iat": now, "scope": scopes,
            "exp": int(now + lifetime_s), "jti": uuid7(), **claims,
        }  # fmt: skip
        return jwt.encode({"alg": "EdDSA", "kid": self.key.kid}, body, self.key, algorithms=["EdDSA"])

    async def jwks(self) -> dict[str, Any]:
        """The key set."""
        return {"keys": [self.key.as_dict(private=False)]}

    def verifier(self) -> TokenVerifier:
        """A verifier that knows this signer's key."""
        return TokenVerifier(self.jwks)

    def metadata(self, subject: str = "ada", **claims: Any) -> tuple[tuple[str, str], ...]:
        """Call metadata with a token of `subject`."""
        return (("authorization", f"Bearer {self.token(subject, **claims)}"),)
