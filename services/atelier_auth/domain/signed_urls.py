"""Signed URLs: tokens that open one resource for GET, for elements of a web page that send no headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from atelier_auth.domain.api_key import ApiKey
from atelier_auth.domain.claims import ISSUER
from atelier_auth.domain.ports import Signer
from atelier_auth.domain.signing_keys import SigningKeys
from atelier_service.clock import Clock
from atelier_service.identity import URL_AUDIENCE

LONGEST_S = 3600 + 1200
"""The longest validity, in seconds, of anything made from a key: that of a signed URL; tokens expire earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlClaims:
    """The claims of a signature: the user who signed, and the route and resource that it opens."""

    subject: str
    key_id: str
    route: str
    resource: Mapping[str, str]
    issue_s: int
    expire_s: int

    def to_json(self) -> dict[str, object]:
        """The claim set as it is signed."""
        return {
            "iss": ISSUER,
            "aud": [URL_AUDIENCE],
            "sub": self.subject,
            "key_id": self.key_id,
            "route": self.route,
            "resource": dict(self.resource),
            "iat": self.issue_s,
            "exp": self.expire_s,
        }


class SignedUrls:
    """Signs URLs. Whether the resource exists, and its owner, is checked by the service when the URL is used."""

    def __init__(self, keys: SigningKeys, signer: Signer, clock: Clock, *, lifetime_s: int) -> None:
        self._keys = keys
        self._signer = signer
        self._clock = clock
        self._lifetime_s = lifetime_s

    async def sign(
        self, key: ApiKey, resources: Sequence[tuple[str, Mapping[str, str]]], *, expires_in_s: int
    ) -> tuple[list[str], int]:
        """Signs resources. A signature does not outlive the key.

        Args:
            key: The caller's key.
            resources: (route, resource) of each URL.
            expires_in_s: The shortest validity in seconds; 0: the setting. The validity is up to a third longer, so
                that repeated requests return the same signature, and browsers can use their caches.

        Returns:
            The signatures in the same order, and their expiry in seconds since the epoch.
        """
        ring = await self._keys.ring()
        now_us = self._clock.now_us()
        now_s = now_us // 1_000_000
        lifetime_s = expires_in_s or self._lifetime_s
        window_s = max(1, lifetime_s // 3)
        issue_s = now_s // window_s * window_s
        expire_s = issue_s + window_s + lifetime_s
        if key.expire_us is not None:
            expire_s = min(expire_s, -(-key.expire_us // 1_000_000))
        signing = ring.active(now_us)
        made: dict[tuple[str, ...], str] = {}
        signatures = []
        for route, resource in resources:
            name = (route, *(part for item in sorted(resource.items()) for part in item))
            if name not in made:
                claims = UrlClaims(
                    subject=key.user_id, key_id=key.id, route=route, resource=resource, issue_s=issue_s,
                    expire_s=expire_s,
                )  # fmt: skip
                made[name] = self._signer.sign(claims, signing)
            signatures.append(made[name])
        return signatures, expire_s
