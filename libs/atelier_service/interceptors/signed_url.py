"""Signed URLs: a signature permits the one resource that it was made for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from atelier_service.errors import PermissionDeniedError
from atelier_service.identity import principal_or_none
from atelier_service.interceptors.around import Around, Call
from atelier_service.signed_routes import record_of_stream, route_of

HEAD_OF_STREAM_HEADER = "x-atelier-head-of-stream"
"""Set by the gateway where it requests a record in place of the HEAD of a stream, and drops the body of the response.

The gateway drops this header from requests of clients.
"""


class SignedUrlInterceptor(Around):
    """Inside of the decoding interceptor, since it reads the request."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Refuses a signature that was made for another resource."""
        principal = principal_or_none()
        if principal is not None and principal.signed is not None:
            is_head = call.header(HEAD_OF_STREAM_HEADER) is not None
            route = record_of_stream(call.method, principal.signed[0]) if is_head else route_of(call.method)
            if route is None or principal.signed != (route.template, route.resource(call.request)):
                raise PermissionDeniedError("SIGNATURE_MISMATCH", "this signature was made for another URL")
        yield
