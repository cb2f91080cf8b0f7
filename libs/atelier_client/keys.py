"""The caller's API keys."""

from collections.abc import AsyncIterator, Iterable

from google.protobuf.empty_pb2 import Empty

from atelier.auth.v1 import auth_pb2
from atelier.auth.v1.auth_pb2 import (
    ApiKey,
    CreateApiKeyRequest,
    CreateApiKeyResponse,
    DeleteApiKeyRequest,
    ListApiKeysRequest,
    ListApiKeysResponse,
)
from atelier_client.connection import Connection
from atelier_client.paging import pages
from atelier_client.rpc import rpc
from atelier_client.scopes import scopes_of

_LIST = rpc(auth_pb2.DESCRIPTOR, "AuthService.ListApiKeys", ListApiKeysRequest, ListApiKeysResponse)
# A second call would make a second key, whose text would be lost.
_CREATE = rpc(
    auth_pb2.DESCRIPTOR, "AuthService.CreateApiKey", CreateApiKeyRequest, CreateApiKeyResponse, repeatable=False
)
_REVOKE = rpc(auth_pb2.DESCRIPTOR, "AuthService.DeleteApiKey", DeleteApiKeyRequest, Empty)


class AsyncKeys:
    """`client.keys`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self) -> AsyncIterator[ApiKey]:
        """Newest first; never the keys themselves."""
        return pages(
            lambda token: self._connection.call(_LIST, ListApiKeysRequest(page_token=token)), lambda page: page.keys
        )

    async def create(
        self,
        display_name: str,
        *,
        expires_in_s: int = 0,
        user_id: str = "",
        admin: bool = False,
        scopes: Iterable[str] = (),
    ) -> CreateApiKeyResponse:
        """A new key, whose secret is in `api_key` of the answer: this once, and never again.

        Args:
            display_name: What its owner calls it.
            expires_in_s: Seconds that it lives, 0 for ever.
            user_id: For administrators: whose it is.
            admin: For administrators: whether it has their role.
            scopes: What it may be used for, of `read`, `submit` and `keys`; all that our own key may when left out.
        """
        request = CreateApiKeyRequest(
            display_name=display_name,
            expires_in_s=expires_in_s,
            user_id=user_id,
            admin=admin,
            scopes=scopes_of(scopes),
        )
        return await self._connection.call(_CREATE, request)

    async def revoke(self, key_id: str) -> None:
        """Ends a key at once; tokens made from it die within five minutes."""
        await self._connection.call(_REVOKE, DeleteApiKeyRequest(id=key_id))
