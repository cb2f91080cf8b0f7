"""The caller's API keys."""

from collections.abc import AsyncIterator

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

_LIST = rpc(auth_pb2.DESCRIPTOR, "AuthService.ListApiKeys", ListApiKeysRequest, ListApiKeysResponse)
# A second call would make a second key that nobody has seen.
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
        self, display_name: str, *, expires_in_s: int = 0, user_id: str = "", admin: bool = False
    ) -> CreateApiKeyResponse:
        """A new key, whose secret is in `api_key` of the answer: this once, and never again.

        `expires_in_s`: seconds that it lives, 0 for ever. `user_id` and `admin`: for administrators.
        """
        request = CreateApiKeyRequest(
            display_name=display_name, expires_in_s=expires_in_s, user_id=user_id, admin=admin
        )
        return await self._connection.call(_CREATE, request)

    async def revoke(self, key_id: str) -> None:
        """Ends a key at once; tokens made from it die within five minutes."""
        await self._connection.call(_REVOKE, DeleteApiKeyRequest(id=key_id))
