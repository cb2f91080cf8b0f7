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
"""The scopes of a token unless others are requested."""

OF_A_SIGNED_URL = frozenset({READ})
"""The scopes of the service that serves a signed URL, on behalf of the user who signed it."""

OF_A_JOB = frozenset({READ, SUBMIT})
"""The scopes of a job token; it is further limited to the files of the job."""

OF_A_KEY = frozenset({READ, SUBMIT, KEYS})
"""The scopes of a key unless others are requested; an administrator's key also has ADMIN."""


def granted(requested: frozenset[str], held: frozenset[str], *, otherwise: frozenset[str]) -> frozenset[str]:
    """Returns the scopes of a new credential.

    Args:
        requested: The scopes requested; empty: those of `otherwise` that are held.
        held: The scopes of the caller's credential.
        otherwise: The default.

    Raises:
        PermissionDeniedError: A requested scope is not held.
    """
    for scope in ordered(requested - held):
        raise PermissionDeniedError(
            "SCOPE_REQUIRED",
            f"this credential cannot give the scope {scope}, which it lacks",
            metadata={"scope": scope},
        )
    return requested or otherwise & held


def ordered(scopes: frozenset[str]) -> tuple[str, ...]:
    """Returns `scopes` in the order of the contract."""
    return tuple(scope for scope in EVERY_SCOPE if scope in scopes)
