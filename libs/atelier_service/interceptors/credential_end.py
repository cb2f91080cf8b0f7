"""Streams, and calls that wait, end when the credential does that opened them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from atelier_service.access import access_of
from atelier_service.credential_end import while_credential_lasts
from atelier_service.identity import principal_or_none
from atelier_service.interceptors.around import Around, Call
from atelier_service.revoked_keys import RevokedKeys


class CredentialEndInterceptor(Around):
    """Inside of the identity interceptor. Downloads that the contract lets finish are left alone, and so are calls that
    are answered at once."""

    def __init__(self, revoked: RevokedKeys) -> None:
        self._revoked = revoked

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Holds the call as long as its caller's credential lasts."""
        access, principal = access_of(call.method), principal_or_none()
        lasts = access.streams and not access.may_finish
        if principal is None or not (lasts or call.header("prefer")):
            yield
            return
        async with while_credential_lasts(principal, self._revoked):
            yield
