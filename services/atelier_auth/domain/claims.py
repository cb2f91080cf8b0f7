"""What a token says."""

from __future__ import annotations

from dataclasses import dataclass

ISSUER = "atelier"
AUDIENCE = "atelier"

ROLE_USER = "user"
ROLE_ADMIN = "admin"
ROLE_SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The claims of one JWT (RFC 7519). Times are whole seconds since the epoch, as the standard has them."""

    subject: str
    """A user's id, or `service:<name>`."""
    roles: tuple[str, ...]
    scopes: tuple[str, ...] = ()
    """What the token may be used for."""
    key_id: str = ""
    """The API key that it was made from; empty for services and delegated tokens."""
    from_key: bool = False
    """True where the gateway exchanged the caller's key for it, for one call."""
    key_expire_s: int | None = None
    """When that key ends, if ever."""
    actor: str = ""
    """`service:<name>` where a service acts for the subject (RFC 8693 `act`)."""
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
        return claims


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A signed token and how long it is good for."""

    text: str
    lifetime_s: int
    expire_us: int

    def __repr__(self) -> str:
        """Without the token: whoever reads it is somebody."""
        return f"Token(expire_us={self.expire_us})"
