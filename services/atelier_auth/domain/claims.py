"""Claims of a token (RFC 7519)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ISSUER = "atelier"
AUDIENCE = "atelier"

ROLE_USER = "user"
ROLE_ADMIN = "admin"
ROLE_SERVICE = "service"
ROLE_WORKER = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobClaim:
    """A worker's claim on a job, as named in a job token."""

    kind: str
    job_id: str
    epoch: int
    asset_ids: Sequence[str] = ()
    """Assets of the owner that the job reads."""
    is_parent: bool = False
    """True when the job has jobs of its own, which the token makes, watches and stops."""

    def to_json(self) -> dict[str, object]:
        """The value of the claim `job`."""
        claim = {"kind": self.kind, "id": self.job_id, "epoch": self.epoch, "assets": list(self.asset_ids)}
        return claim | {"parent": True} if self.is_parent else claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The claims of one JWT (RFC 7519). Times are whole seconds since the epoch, as the standard has them."""

    subject: str
    """A user's id, or `service:<name>`."""
    roles: tuple[str, ...]
    scopes: tuple[str, ...] = ()
    """The scopes of the token."""
    key_id: str = ""
    """The API key from which it was made; empty for services and delegated tokens."""
    from_key: bool = False
    """True when the gateway exchanged the caller's key for the token, for one call."""
    key_expire_s: int | None = None
    """When that key expires; None: never."""
    actor: str = ""
    """`service:<name>` when a service acts for the subject (RFC 8693 `act`)."""
    job: JobClaim | None = None
    """The job whose files a job token opens; None for other tokens."""
    issue_s: int
    expire_s: int
    token_id: str

    def to_json(self) -> dict[str, object]:
        """The claim set as it is signed."""
        claims: dict[str, object] = {
            "iss": ISSUER,
            "aud": [AUDIENCE],
            "sub": self.subject,
            "roles": list(self.roles),
            "scope": " ".join(self.scopes),  # RFC 8693, section 4.2
            "iat": self.issue_s,
            "exp": self.expire_s,
            "jti": self.token_id,
        }
        if self.key_id:
            claims["key_id"] = self.key_id
        if self.from_key:
            claims["from_key"] = True
        if self.key_expire_s is not None:
            claims["key_exp"] = self.key_expire_s
        if self.actor:
            claims["act"] = {"sub": self.actor}
        if self.job is not None:
            claims["job"] = self.job.to_json()
        return claims


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A signed token, its lifetime in seconds, and its expiry in microseconds since the epoch."""

    text: str
    lifetime_s: int
    expire_us: int

    def __repr__(self) -> str:
        """Without the token, which is a credential."""
        return f"Token(expire_us={self.expire_us})"
