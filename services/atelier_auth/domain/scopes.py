"""Scopes: what a credential may be used for. They are those of the contract, in lower case."""

from __future__ import annotations

from atelier_service.errors import PermissionDeniedError

READ = "read"
SUBMIT = "submit"
KEYS = "keys"
ADMIN = "admin"

EVERY_SCOPE = (READ, SUBMIT, KEYS, ADMIN)
"""In the order of the contract."""

OF_A_PAGE = frozenset({READ, SUBMIT})
"""What a token is for unless other scopes are asked for."""

OF_A_SIGNED_URL = frozenset({READ})
"""What the service that serves a signed URL may do on behalf of whoever signed it."""

OF_A_JOB = frozenset({READ, SUBMIT})
"""What a worker may do on behalf of a job's owner, within what the job's token opens."""

OF_A_KEY = frozenset({READ, SUBMIT, KEYS})
"""What a key is for unless other scopes are asked for; an administrator's besides for ADMIN."""


def granted(asked: frozenset[str], held: frozenset[str], *, otherwise: frozenset[str]) -> frozenset[str]:
    """The scopes of a new credential: those that were asked for, or `otherwise` as far as they are held.

    Raises:
        PermissionDeniedError: One that the credential which asks does not hold.
    """
    for scope in ordered(asked - held):
        raise PermissionDeniedError(
            "SCOPE_REQUIRED",
            f"this credential cannot give the scope {scope}, which it lacks",
            metadata={"scope": scope},
        )
    return asked or otherwise & held


def ordered(scopes: frozenset[str]) -> tuple[str, ...]:
    """In the order of the contract."""
    return tuple(scope for scope in EVERY_SCOPE if scope in scopes)
