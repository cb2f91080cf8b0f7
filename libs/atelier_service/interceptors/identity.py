"""Authentication: every call has a principal, except of methods that the contract opens to ANYBODY."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import structlog

from atelier_service.access import access_of
from atelier_service.identity import URL_AUDIENCE, TokenVerifier, set_principal, unauthenticated
from atelier_service.interceptors.around import Around, Call
from atelier_service.revoked_keys import RevokedKeys

SIGNATURE_HEADER = "x-atelier-signature"
"""Header in which the gateway sends the signature of a URL. It drops this header from requests of clients."""

_ALWAYS_PUBLIC = ("/grpc.health.v1.Health/",)


class IdentityInterceptor(Around):
    """Verifies the token or URL signature of every call, and checks it against the access rule of the method.

    Fails closed: a method without an access rule is refused. `public` names methods of third-party contracts that need
    no token.
    """

    def __init__(self, verifier: TokenVerifier, revoked: RevokedKeys, public: Collection[str] = ()) -> None:
        self._verifier = verifier
        self._revoked = revoked
        self._public = frozenset(public)

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Sets the current principal when its credential permits the method. Raises UnauthenticatedError otherwise, or
        PermissionDeniedError.
        """
        access = access_of(call.method)
        if access.is_public or call.method in self._public or call.method.startswith(_ALWAYS_PUBLIC):
            set_principal(None)
            yield
            return
        signature = call.header(SIGNATURE_HEADER)
        if signature is not None:
            principal = await self._verifier.verify(signature, URL_AUDIENCE)
        else:
            scheme, _, token = (call.header("authorization") or "").partition(" ")
            if scheme.lower() != "bearer" or not token:
                raise unauthenticated()
            principal = await self._verifier.verify(token.strip())
        if self._revoked.is_revoked(principal.key_id):
            raise unauthenticated()
        access.check(principal)
        set_principal(principal)
        structlog.contextvars.bind_contextvars(subject=principal.subject)
        yield
