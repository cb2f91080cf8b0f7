"""Authentication: principals, and the verification of their short-lived JWTs, which the gateway verified before."""

import asyncio
import math
import time
import warnings
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet

from atelier_service.errors import UnauthenticatedError

# RFC 9864 renames the algorithm to Ed25519; Envoy and most verifiers still call it EdDSA.
warnings.filterwarnings("ignore", message="EdDSA is deprecated", category=SecurityWarning)

ISSUER = "atelier"
AUDIENCE = "atelier"
URL_AUDIENCE = "atelier-url"
"""Audience of URL signatures, which are not accepted as tokens."""
# Largest difference between the clocks of two machines.
LEEWAY_S = 5


@dataclass(frozen=True, slots=True)
class JobGrant:
    """What the token of a job permits: the files that one claim of the job stores, and those that the job reads."""

    kind: str
    job_id: str
    epoch: int
    """Epoch of the claim: a fenced attempt stores nothing under the epoch of the next one."""
    asset_ids: frozenset[str]
    """Assets of the owner that the job's spec names."""
    is_parent: bool = False
    """True when the job has child jobs: the token may submit, watch and cancel those, and read the owner's assets."""

    @property
    def key_prefix(self) -> str:
        """Prefix of every write-once key of this claim."""
        return f"{self.kind}/{self.job_id}/{self.epoch}/"

    @property
    def shared_key_prefix(self) -> str:
        """Prefix of write-once keys that all claims of a parent share, so that its jobs get the same inputs again."""
        return f"{self.kind}/{self.job_id}/shared/"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller: `subject` is a user id, or `service:<name>`; `actor` is the service that acts on the user's behalf."""

    subject: str
    roles: frozenset[str] = frozenset({"user"})
    key_id: str = ""
    actor: str = ""
    scopes: frozenset[str] = frozenset()
    """What the credential may be used for: `read`, `submit`, `keys`, `admin`."""
    from_key: bool = False
    """True when the caller sent an API key, which the gateway has exchanged: it is valid as long as the key is."""
    end_s: float = math.inf
    """When the credential, a token or the key that was sent, expires, in seconds since the epoch."""
    signed: tuple[str, Mapping[str, str]] | None = None
    """The one route and resource that a signed URL opens; None for every other credential."""
    job: JobGrant | None = None
    """The one job whose files a worker's token for it opens; None for every other credential."""
    token: str = field(default="", repr=False)

    @property
    def is_admin(self) -> bool:
        """Whether it may load models and create users."""
        return "admin" in self.roles

    @property
    def is_service(self) -> bool:
        """Whether it is a service of the mesh that acts for itself."""
        return "service" in self.roles

    @property
    def is_worker(self) -> bool:
        """Whether it is a worker that acts for itself."""
        return "worker" in self.roles


_principal: ContextVar[Principal | None] = ContextVar("atelier_principal", default=None)


def current_principal() -> Principal:
    """The caller of the RPC that is being served.

    Raises UnauthenticatedError outside of one, or in a public one.
    """
    principal = _principal.get()
    if principal is None:
        raise unauthenticated()
    return principal


def principal_or_none() -> Principal | None:
    """The caller of the RPC that is being served; None outside of one, or in a public one."""
    return _principal.get()


def current_token() -> str:
    """The caller's token, or the empty string when there is no caller."""
    principal = _principal.get()
    return principal.token if principal else ""


def set_principal(principal: Principal | None) -> None:
    """Sets the caller in the context of the current task."""
    _principal.set(principal)


def unauthenticated() -> UnauthenticatedError:
    """Returns the error of every invalid credential; it does not reveal why the credential is invalid."""
    return UnauthenticatedError("UNAUTHENTICATED", "a valid API key or token is needed")


# Fetches the key set as JSON (RFC 7517).
JwksSource = Callable[[], Awaitable[dict[str, Any]]]


class TokenVerifier:
    """Verifies tokens against the key set of `auth`, which it fetches when a token names an unknown key.

    Fetches are at least `min_refetch_s` seconds apart, so that forged key ids cause no load on `auth`. A key that was
    removed from the set is accepted for at most `max_age_s` seconds.
    """

    def __init__(self, source: JwksSource, *, min_refetch_s: float = 2.0, max_age_s: float = 300.0) -> None:
        self._source = source
        self._min_refetch_s = min_refetch_s
        self._max_age_s = max_age_s
        self._keys: KeySet | None = None
        self._known: frozenset[str] = frozenset()
        self._fetched_s = float("-inf")
        self._lock = asyncio.Lock()
        self._verified: dict[tuple[str, str], tuple[float, Principal]] = {}

    async def verify(self, token: str, audience: str = AUDIENCE) -> Principal:
        """Verifies a token.

        Args:
            token: A JWT in compact form.
            audience: The audience that it must be made for.

        Returns:
            The principal of the token.

        Raises:
            UnauthenticatedError: The token is malformed, expired, of another issuer or audience, or not signed by a
                known key.
            Exception: Whatever the source of the key set raises, when it cannot be fetched.
        """
        cached = self._verified.get((audience, token))
        if cached and cached[0] > time.time() - LEEWAY_S and self._age_s() < self._max_age_s:
            return cached[1]
        kid = _key_id(token)
        if kid not in self._known or self._age_s() > self._max_age_s:
            await self._fetch(kid)
        if self._keys is None or kid not in self._known:
            raise unauthenticated()
        try:
            decoded = jwt.decode(token, self._keys, algorithms=["EdDSA"])
            jwt.JWTClaimsRegistry(
                leeway=LEEWAY_S,
                iss={"essential": True, "value": ISSUER},
                aud={"essential": True, "value": audience},
                sub={"essential": True},
                exp={"essential": True},
            ).validate(decoded.claims)
        except (JoseError, ValueError) as error:
            raise unauthenticated() from error
        claims = decoded.claims
        signed = None
        if audience == URL_AUDIENCE:
            signed = (str(claims.get("route")), {str(k): str(v) for k, v in dict(claims.get("resource") or {}).items()})
        principal = Principal(
            subject=str(claims["sub"]),
            roles=frozenset(map(str, claims.get("roles", ()))),
            key_id=str(claims.get("key_id", "")),
            actor=str((claims.get("act") or {}).get("sub", "")),
            scopes=frozenset({"read"} if signed else str(claims.get("scope", "")).split()),
            signed=signed,
            job=_job_grant(claims.get("job")),
            from_key=bool(claims.get("from_key")),
            end_s=float(claims.get("key_exp", math.inf)) if claims.get("from_key") else float(claims["exp"]),
            token=token,
        )
        self._remember((audience, token), float(claims["exp"]), principal)
        return principal

    def _age_s(self) -> float:
        return time.monotonic() - self._fetched_s

    def _remember(self, token: tuple[str, str], expires_s: float, principal: Principal) -> None:
        if len(self._verified) >= 4096:
            self._verified.clear()
        self._verified[token] = (expires_s, principal)

    async def _fetch(self, kid: str) -> None:
        async with self._lock:
            fresh = self._age_s() < self._max_age_s
            if self._age_s() < self._min_refetch_s or (kid in self._known and fresh):
                return
            keys = await self._source()
            self._keys = KeySet.import_key_set(keys)  # type: ignore[arg-type]
            self._known = frozenset(k["kid"] for k in keys["keys"])
            self._fetched_s = time.monotonic()
            self._verified.clear()


def _job_grant(claim: Mapping[str, Any] | None) -> JobGrant | None:
    if claim is None:
        return None
    return JobGrant(
        kind=str(claim["kind"]),
        job_id=str(claim["id"]),
        epoch=int(claim["epoch"]),
        asset_ids=frozenset(map(str, claim["assets"])),
        is_parent=bool(claim.get("parent", False)),
    )


def _key_id(token: str) -> str:
    """Returns the key id in the header of a token. Raises UnauthenticatedError when it is no JWT."""
    from joserfc.jws import extract_compact

    if len(token) > 4096:
        raise unauthenticated()
    try:
        header = extract_compact(token.encode()).headers()
    except (JoseError, ValueError, UnicodeError) as error:
        raise unauthenticated() from error
    kid = header.get("kid")
    if not isinstance(kid, str) or header.get("alg") != "EdDSA":
        raise unauthenticated()
    return kid
