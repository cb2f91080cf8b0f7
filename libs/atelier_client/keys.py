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
        """Yields the records of the keys, newest first; they do not contain the secrets."""
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
        """Creates a key.

        Args:
            display_name: A display name.
            expires_in_s: Lifetime in seconds; 0: unlimited.
            user_id: Its owner, for administrators; empty: the caller.
            admin: Whether it has the administrator's role, for administrators.
            scopes: Some of `read`, `submit` and `keys`; empty: those of the caller's key.

        Returns:
            The record, and in `api_key` the key itself, which cannot be fetched again.
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
        """Revokes a key at once; tokens made from it end within five minutes."""
        await self._connection.call(_REVOKE, DeleteApiKeyRequest(id=key_id))
