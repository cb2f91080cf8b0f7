"""Mesh tokens: tokens of services and workers, and those by which they act on behalf of users."""

from __future__ import annotations

from collections.abc import Collection

from atelier_auth.domain.claims import JobClaim, Token
from atelier_auth.domain.ports import KeyStore
from atelier_auth.domain.service_secrets import ServiceSecrets
from atelier_auth.domain.token_issuer import TokenIssuer
from atelier_service.errors import NotFoundError, PermissionDeniedError, UnauthenticatedError


class MeshTokens:
    """Decides which token a service may get."""

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
            users: The users.
            issuer: Makes the tokens.
            secrets: The secrets of the services.
            job_services: Names of the services that store jobs; only they get tokens on behalf of users.
            worker_services: Names of the workers, whose own tokens are valid only for the RPCs of workers.
        """
        self._users = users
        self._issuer = issuer
        self._secrets = secrets
        self._actors = frozenset(f"service:{name}" for name in job_services)
        self._workers = frozenset(worker_services)

    async def for_service(self, service: str, secret: str) -> Token:
        """Returns a token of `service`.

        Raises:
            UnauthenticatedError: The secret is wrong, or there is no such service.
        """
        if not self._secrets.accepts(service, secret):
            raise UnauthenticatedError("SERVICE_SECRET_WRONG", "this is not that service's secret")
        if service in self._workers:
            return await self._issuer.for_worker(service)
        return await self._issuer.for_service(service)

    async def on_behalf_of(self, user_id: str, *, caller: str) -> Token:
        """Returns a token for reading on behalf of a user.

        Args:
            user_id: The user.
            caller: The service that calls, `service:<name>`.

        Raises:
            PermissionDeniedError: The caller is not a service that stores jobs.
            NotFoundError: There is no such user.
        """
        await self._check(user_id, caller)
        return await self._issuer.on_behalf_of(user_id, actor=caller)

    async def for_job(self, user_id: str, job: JobClaim, *, worker: str, caller: str, lifetime_s: int) -> Token:
        """Returns a job token, which opens the files of one job.

        Args:
            user_id: The owner of the job.
            job: The claim.
            worker: The name of the worker that has the claim.
            caller: The service that calls, `service:<name>`.
            lifetime_s: The longest validity, in seconds.

        Raises:
            PermissionDeniedError: The caller is not a service that stores jobs.
            NotFoundError: There is no such user.
        """
        await self._check(user_id, caller)
        return await self._issuer.for_job(user_id, job, actor=f"service:{worker}", lifetime_s=lifetime_s)

    async def _check(self, user_id: str, caller: str) -> None:
        if caller not in self._actors:
            raise PermissionDeniedError("SERVICE_REQUIRED", "only a service that serves jobs acts on behalf of users")
        if not await self._users.has_user(user_id):
            raise NotFoundError("USER_NOT_FOUND", "there is no such user")
