"""Scopes: what a key or a token may be used for."""

from collections.abc import Iterable

from atelier.type.v1.access_pb2 import Scope
from atelier_client.errors import AtelierApiError


def scopes_of(names: Iterable[str]) -> list[Scope.ValueType]:
    """Returns scopes by their names, such as `read`. Raises AtelierApiError INVALID_FIELD for an unknown name."""
    found = []
    for name in names:
        if name.upper() not in Scope.keys() or name.upper() == "SCOPE_UNSPECIFIED":  # noqa: SIM118 - no dict
            raise AtelierApiError("INVALID_ARGUMENT", "INVALID_FIELD", f"scopes: there is no scope {name!r}")
        found.append(Scope.Value(name.upper()))
    return found


def scope_names(scopes: Iterable[Scope.ValueType]) -> str:
    """Returns the names of scopes in lower case, separated by spaces."""
    return " ".join(Scope.Name(scope).lower() for scope in scopes)
