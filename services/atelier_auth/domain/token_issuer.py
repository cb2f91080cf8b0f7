"""Token issuer: makes the claims of access tokens and signs them."""

from __future__ import annotations

import uuid

from atelier_auth.domain.api_key import ApiKey
from atelier_auth.domain.claims import ROLE_ADMIN, ROLE_SERVICE, ROLE_USER, ROLE_WORKER, Claims, JobClaim, Token
from atelier_auth.domain.ports import Signer
from atelier_auth.domain.scopes import ADMIN, OF_A_JOB, OF_A_SIGNED_URL, ordered
from atelier_auth.domain.signing_keys import SigningKeys
from atelier_service.clock import Clock


class TokenIssuer:
    """Signs short-lived tokens with the active key. Callers check first who may have a token.

    Every method raises UnavailableError when the signing keys were never read and the database is unavailable.
    """

    def __init__(self, keys: SigningKeys, signer: Signer, clock: Clock, *, lifetime_s: int) -> None:
        self._keys = keys
        self._signer = signer
        self._clock = clock
        self._lifetime_s = lifetime_s

    async def in_place_of(self, key: ApiKey) -> Token:
        """Returns a token with all scopes of `key`, for the call in which the key was sent.

        It does not outlive the key, except by the rounding to a second.
        """
        return await self._issue(
            key.user_id, _roles(key, key.scopes), key.scopes, key_id=key.id, end_us=key.expire_us, from_key=True,
            key_expire_s=_ceil_s(key.expire_us),
        )  # fmt: skip

    async def for_key(self, key: ApiKey, scopes: frozenset[str], *, end_us: int | None) -> Token:
        """Returns a token of the key's owner with `scopes`, which expires at `end_us` or with the key, if earlier."""
        ends = [us for us in (key.expire_us, end_us) if us is not None]
        return await self._issue(
            key.user_id, _roles(key, scopes), scopes, key_id=key.id, end_us=min(ends) if ends else None
        )

    async def for_service(self, service: str) -> Token:
        """Returns a token of the service of this name."""
        return await self._issue(f"service:{service}", (ROLE_SERVICE,))

    async def for_worker(self, service: str) -> Token:
        """Returns a token of the worker of this service name."""
        return await self._issue(f"service:{service}", (ROLE_WORKER,))

    async def on_behalf_of(self, user_id: str, *, actor: str) -> Token:
        """Returns a token of a user for the service `actor` (`service:<name>`), which is only for reading."""
        return await self._issue(user_id, (ROLE_USER,), OF_A_SIGNED_URL, actor=actor)

    async def for_job(self, user_id: str, job: JobClaim, *, actor: str, lifetime_s: int) -> Token:
        """Returns a token of a user for the worker `actor` (`service:<name>`), which opens only the files of `job`."""
        end_us = self._clock.now_us() + lifetime_s * 1_000_000
        return await self._issue(user_id, (ROLE_USER,), OF_A_JOB, actor=actor, end_us=end_us, job=job)

    async def _issue(
        self,
        subject: str,
        roles: tuple[str, ...],
        scopes: frozenset[str] = frozenset(),
        *,
        key_id: str = "",
        actor: str = "",
        end_us: int | None = None,
        from_key: bool = False,
        key_expire_s: int | None = None,
        job: JobClaim | None = None,
    ) -> Token:
        ring = await self._keys.ring()
        now_us = self._clock.now_us()
        issue_s = now_us // 1_000_000
        expire_s = issue_s + self._lifetime_s
        end_s = _ceil_s(end_us)
        if end_s is not None:
            expire_s = min(expire_s, max(end_s, issue_s + 1))
        claims = Claims(
            subject=subject,
            roles=roles,
            scopes=ordered(scopes),
            from_key=from_key,
            key_expire_s=key_expire_s,
            key_id=key_id,
            actor=actor,
            job=job,
            issue_s=issue_s,
            expire_s=expire_s,
            token_id=uuid.uuid4().hex,
        )
        text = self._signer.sign(claims, ring.active(now_us))
        return Token(text=text, lifetime_s=expire_s - issue_s, expire_us=expire_s * 1_000_000)


def _roles(key: ApiKey, scopes: frozenset[str]) -> tuple[str, ...]:
    return (ROLE_USER, ROLE_ADMIN) if key.admin and ADMIN in scopes else (ROLE_USER,)


def _ceil_s(us: int | None) -> int | None:
    return None if us is None else -(-us // 1_000_000)
