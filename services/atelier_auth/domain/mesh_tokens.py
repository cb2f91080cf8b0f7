"""Tokens for the mesh itself: a service's own, and those with which it acts for a user."""

from __future__ import annotations

from atelier_auth.domain.claims import Token
from atelier_auth.domain.ports import KeyStore
from atelier_auth.domain.service_secrets import ServiceSecrets
from atelier_auth.domain.token_issuer import TokenIssuer
from atelier_service.errors import NotFoundError, PermissionDeniedError, UnauthenticatedError


class MeshTokens:
    """Says which service may be whom."""

    def __init__(self, users: KeyStore, issuer: TokenIssuer, secrets: ServiceSecrets) -> None:
        self._users = users
        self._issuer = issuer
        self._secrets = secrets

    async def for_service(self, service: str, secret: str) -> Token:
        """A token of the service whose secret this is.

        Errors: UnauthenticatedError (wrong secret, or no such service: the same answer).
        """
        if not self._secrets.accepts(service, secret):
            raise UnauthenticatedError("SERVICE_SECRET_WRONG", "this is not that service's secret")
        return await self._issuer.for_service(service)

    async def on_behalf_of(self, user_id: str, *, actor: str, is_service: bool) -> Token:
        """A token of a user for the service `actor` that runs the user's job.

        Errors: PermissionDeniedError (the caller is no service), NotFoundError (no such user).
        """
        if not is_service:
            raise PermissionDeniedError("SERVICE_REQUIRED", "only a service of the mesh acts for others")
        if not await self._users.has_user(user_id):
            raise NotFoundError("USER_NOT_FOUND", "there is no such user")
        return await self._issuer.on_behalf_of(user_id, actor=actor)
