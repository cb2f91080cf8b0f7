"""Service credentials: tokens of the service itself, and tokens on behalf of users whose signed URLs it serves."""

import time
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import MessageToDict
from pydantic import SecretStr

from atelier.auth.v1 import auth_pb2, auth_pb2_grpc
from atelier_service.channel import open_channel
from atelier_service.identity import JwksSource, current_token, principal_or_none

# A token is renewed this long before it expires.
_MARGIN_S = 60.0
_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    renew_at_s: float


async def _no_token() -> str:
    return ""


class ServiceCredential:
    """Tokens of one service, cached until shortly before they expire.

    Methods that return a token raise grpc.aio.AioRpcError when `auth` is unavailable or refuses.
    """

    def __init__(self, auth_address: str, service: str, secret: SecretStr) -> None:
        self._service = service
        self._secret = secret
        self._own: _Token | None = None
        self._delegated: dict[str, _Token] = {}
        self._public = open_channel(auth_address, token=_no_token)
        self._channel = open_channel(auth_address, token=self.token)

    async def token(self) -> str:
        """Returns a token of the service itself."""
        if self._own is None or self._own.renew_at_s < time.monotonic():
            stub = auth_pb2_grpc.AuthServiceStub(self._public)
            request = auth_pb2.CreateServiceTokenRequest(service=self._service, secret=self._secret.get_secret_value())
            response = await stub.CreateServiceToken(request, timeout=_DEADLINE_S)
            self._own = _Token(response.access_token, time.monotonic() + response.expires_in_s - _MARGIN_S)
        return self._own.value

    async def on_behalf_of(self, user_id: str) -> str:
        """Returns a token of `user_id` whose actor is this service."""
        token = self._delegated.get(user_id)
        if token is None or token.renew_at_s < time.monotonic():
            stub = auth_pb2_grpc.AuthServiceStub(self._channel)
            response = await stub.CreateDelegatedToken(
                auth_pb2.CreateDelegatedTokenRequest(user_id=user_id), timeout=_DEADLINE_S
            )
            token = _Token(response.access_token, time.monotonic() + response.expires_in_s - _MARGIN_S)
            if len(self._delegated) >= 1024:
                self._delegated.clear()
            self._delegated[user_id] = token
        return token.value

    async def of_caller(self) -> str:
        """Returns the token of the caller being served.

        A caller with a signed URL has none: for it, a token on behalf of the user who signed the URL.
        """
        principal = principal_or_none()
        if principal is not None and principal.signed is not None:
            return await self.on_behalf_of(principal.subject)
        return current_token()

    async def close(self) -> None:
        """Closes the channels to `auth`."""
        await self._channel.close()
        await self._public.close()


def jwks_from(auth_address: str) -> JwksSource:
    """Returns a source of the key set that `auth` at `auth_address` (host:port) serves."""
    stub = auth_pb2_grpc.AuthServiceStub(open_channel(auth_address, token=_no_token))

    async def fetch() -> dict[str, Any]:
        response = await stub.GetJwks(auth_pb2.GetJwksRequest(), timeout=_DEADLINE_S, wait_for_ready=True)
        return MessageToDict(response, preserving_proto_field_name=True)

    return fetch
