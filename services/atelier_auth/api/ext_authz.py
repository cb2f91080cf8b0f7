"""envoy.service.auth.v3.Authorization: the gateway's external authorization of API keys.

Envoy asks only for requests without a token of their own. A key is exchanged for a token, which goes upstream in its
place; everything else is one and the same 401.
"""

from __future__ import annotations

import base64
from typing import Any

import grpc.aio
from google.rpc import code_pb2, status_pb2
from prometheus_client import Counter

from atelier_auth.domain.key_exchange import Grant, KeyExchange, Refusal
from atelier_envoy_api.config.core.v3 import base_pb2
from atelier_envoy_api.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
from atelier_envoy_api.type.v3 import http_status_pb2
from atelier_service.errors import AtelierError
from atelier_service.identity import unauthenticated
from atelier_service.rpc_errors import to_status

API_KEY_HEADER = "x-api-key"
SUBJECT_HEADER = "x-atelier-subject"

_OVERWRITE = base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD

_CHECKS = Counter(
    "atelier_auth_checks_total", "Requests that the gateway asked about, by what came of them", ["result"]
)


class ExtAuthz(external_auth_pb2_grpc.AuthorizationServicer):
    """Returns OK and a token for every check, or 401.

    Errors: UNAVAILABLE (the database is unavailable), which Envoy turns into its `status_on_error`.
    """

    def __init__(self, exchange: KeyExchange) -> None:
        self._exchange = exchange
        self._count = {result: _CHECKS.labels(result.value) for result in Refusal}
        self._granted = _CHECKS.labels("granted")
        self._failed = _CHECKS.labels("unavailable")
        self._denied_http = _denied(grpc=False)
        self._denied_grpc = _denied(grpc=True)

    async def Check(
        self,
        request: external_auth_pb2.CheckRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> external_auth_pb2.CheckResponse:
        """See the class."""
        headers = request.attributes.request.http.headers
        try:
            found = await self._exchange.exchange(headers.get(API_KEY_HEADER, ""))
        except AtelierError:
            self._failed.inc()
            raise
        if isinstance(found, Grant):
            self._granted.inc()
            return _granted(found)
        self._count[found].inc()
        grpc = headers.get("content-type", "").startswith("application/grpc")
        return self._denied_grpc if grpc else self._denied_http


def _granted(grant: Grant) -> external_auth_pb2.CheckResponse:
    return external_auth_pb2.CheckResponse(
        status=status_pb2.Status(code=code_pb2.OK),
        ok_response=external_auth_pb2.OkHttpResponse(
            headers=[_header("authorization", f"Bearer {grant.token}"), _header(SUBJECT_HEADER, grant.subject)],
            headers_to_remove=[API_KEY_HEADER],
        ),
    )


def _denied(*, grpc: bool) -> external_auth_pb2.CheckResponse:
    error = unauthenticated()
    status = to_status(error)
    headers = [_header("www-authenticate", 'Bearer realm="atelier"')]
    if grpc:
        # Envoy makes a trailers-only response of it: the body becomes grpc-message, 401 becomes UNAUTHENTICATED.
        details = base64.b64encode(status.SerializeToString()).decode().rstrip("=")
        headers.append(_header("grpc-status-details-bin", details))
    return external_auth_pb2.CheckResponse(
        status=status_pb2.Status(code=code_pb2.UNAUTHENTICATED),
        denied_response=external_auth_pb2.DeniedHttpResponse(
            status=http_status_pb2.HttpStatus(code=http_status_pb2.Unauthorized), headers=headers, body=error.message
        ),
    )


def _header(key: str, value: str) -> base_pb2.HeaderValueOption:
    return base_pb2.HeaderValueOption(header=base_pb2.HeaderValue(key=key, value=value), append_action=_OVERWRITE)
