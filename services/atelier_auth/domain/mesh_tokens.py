"""Tokens for the mesh itself: a service's own, and those with which it acts for a user."""

from __future__ import annotations

from collections.abc import Collection

from atelier_auth.domain.claims import JobClaim, Token
from atelier_auth.domain.ports import KeyStore
from atelier_auth.domain.service_secrets import ServiceSecrets
from atelier_auth.domain.token_issuer import TokenIssuer
from atelier_service.errors import NotFoundError, PermissionDeniedError, UnauthenticatedError


class MeshTokens:
    """Decides which service gets which token."""

    def __init__(
        self,
        users: KeyStore,
        issuer: TokenIssuer,
        secrets: ServiceSecrets,
        *,
        job_services: Collection[str],
        worker_services: Collection[str],
    ) -> None:
        """Creates the issuer of the mesh's own tokens.

        Args:
            users: Says which users there are.
            issuer: Signs.
            secrets: Says whose secret is whose.
            job_services: Names of the services that serve jobs: they alone get tokens on behalf of users.
            worker_services: Names of the workers, whose own token opens what is for workers and nothing else.
        """
        self._users = users
        self._issuer = issuer
        self._secrets = secrets
        self._actors = frozenset(f"service:{name}" for name in job_services)
        self._workers = frozenset(worker_services)

    async def for_service(self, service: str, secret: str) -> Token:
        """A token of the service whose secret this is.

        Raises:
            UnauthenticatedError: Wrong secret, or no such service: the same error.
        """
        if not self._secrets.accepts(service, secret):
            raise UnauthenticatedError("SERVICE_SECRET_WRONG", "this is not that service's secret")
        if service in self._workers:
            return await self._issuer.for_worker(service)
        return await self._issuer.for_service(service)

    async def on_behalf_of(self, user_id: str, *, caller: str) -> Token:
        """A token that reads on behalf of a user, for the service `caller` (`service:<name>`).

        Raises:
            PermissionDeniedError: The caller serves no jobs.
            NotFoundError: No such user.
        """
        await self._check(user_id, caller)
        return await self._issuer.on_behalf_of(user_id, actor=caller)

    async def for_job(self, user_id: str, job: JobClaim, *, worker: str, caller: str, lifetime_s: int) -> Token:
        """A token for the worker's service `worker`, which opens the files of one job of `user_id`.

        Raises:
            PermissionDeniedError: `caller` serves no jobs.
            NotFoundError: No such user.
        """
        await self._check(user_id, caller)
        return await self._issuer.for_job(user_id, job, actor=f"service:{worker}", lifetime_s=lifetime_s)

    async def _check(self, user_id: str, caller: str) -> None:
        if caller not in self._actors:
            raise PermissionDeniedError("SERVICE_REQUIRED", "only a service that serves jobs acts on behalf of users")
        if not await self._users.has_user(user_id):
            raise NotFoundError("USER_NOT_FOUND", "there is no such user")
