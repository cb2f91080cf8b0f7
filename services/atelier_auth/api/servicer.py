"""atelier.auth.v1.AuthService."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from typing import Any

import grpc.aio
from google.protobuf import empty_pb2, timestamp_pb2

from atelier.auth.v1 import auth_pb2, auth_pb2_grpc
from atelier.type.v1 import access_pb2
from atelier_auth.domain.api_key import ApiKey
from atelier_auth.domain.api_keys import ApiKeys
from atelier_auth.domain.claims import JobClaim
from atelier_auth.domain.key_set import KeySet
from atelier_auth.domain.mesh_tokens import MeshTokens
from atelier_auth.domain.revocations import Revocations
from atelier_auth.domain.scopes import OF_A_PAGE, granted, ordered
from atelier_auth.domain.signed_urls import SignedUrls
from atelier_auth.domain.token_issuer import TokenIssuer
from atelier_service.errors import InvalidArgumentError
from atelier_service.http import set_http
from atelier_service.identity import current_principal
from atelier_service.paging import decode_token, encode_token, fitting, page_size
from atelier_service.signed_routes import parse_url, with_signature

_BEARER = "Bearer"

Context = grpc.aio.ServicerContext[Any, Any]


class AuthServicer(auth_pb2_grpc.AuthServiceServicer):
    """Reads, asks the domain, writes. The errors of each method stand in the contract."""

    def __init__(
        self,
        keys: ApiKeys,
        issuer: TokenIssuer,
        mesh: MeshTokens,
        key_set: KeySet,
        revocations: Revocations,
        urls: SignedUrls,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._mesh = mesh
        self._key_set = key_set
        self._revocations = revocations
        self._urls = urls

    async def CreateToken(self, request: auth_pb2.CreateTokenRequest, context: Context) -> auth_pb2.CreateTokenResponse:
        """A token with the key behind the caller's credential; of a token, one that does not outlive it."""
        caller = current_principal()
        key = await self._keys.caller(caller.key_id)
        scopes = granted(_scopes(request.scopes), caller.scopes & key.scopes, otherwise=OF_A_PAGE)
        end_us = None if caller.from_key else int(caller.end_s * 1_000_000)
        token = await self._issuer.for_key(key, scopes, end_us=end_us)
        await set_http(context, cache_control="no-store")
        return auth_pb2.CreateTokenResponse(
            access_token=token.text,
            token_type=_BEARER,
            expires_in_s=token.lifetime_s,
            scopes=_to_scopes(scopes),
        )

    async def CreateSignedUrls(
        self, request: auth_pb2.CreateSignedUrlsRequest, context: Context
    ) -> auth_pb2.CreateSignedUrlsResponse:
        """URLs that open one thing each."""
        key = await self._caller()
        resources = [parse_url(url) for url in request.urls]
        signatures, expire_s = await self._urls.sign(key, resources, expires_in_s=request.expires_in_s)
        await set_http(context, cache_control="no-store")
        return auth_pb2.CreateSignedUrlsResponse(
            urls=map(with_signature, request.urls, signatures), expire_time=_time(expire_s * 1_000_000)
        )

    async def ListApiKeys(self, request: auth_pb2.ListApiKeysRequest, context: Context) -> auth_pb2.ListApiKeysResponse:
        """A page of the caller's keys."""
        caller = await self._caller()
        size = page_size(request.page_size)
        keys = await self._keys.page(caller, limit=size + 1, before=_position(request.page_token))
        shown = fitting(map(_to_message, keys[:size]))
        last = keys[len(shown) - 1] if len(keys) > len(shown) else None
        return auth_pb2.ListApiKeysResponse(
            keys=shown, next_page_token=encode_token(last.create_us, last.id) if last else ""
        )

    async def CreateApiKey(
        self, request: auth_pb2.CreateApiKeyRequest, context: Context
    ) -> auth_pb2.CreateApiKeyResponse:
        """A new key, shown this once."""
        caller = await self._caller()
        new = await self._keys.create(
            caller,
            current_principal().scopes & caller.scopes,
            display_name=request.display_name,
            expires_in_s=request.expires_in_s,
            user_id=request.user_id,
            admin=request.admin,
            scopes=_scopes(request.scopes),
        )
        await set_http(context, cache_control="no-store")
        return auth_pb2.CreateApiKeyResponse(key=_to_message(new.record), api_key=new.text)

    async def DeleteApiKey(self, request: auth_pb2.DeleteApiKeyRequest, context: Context) -> empty_pb2.Empty:
        """Ends a key at once."""
        await self._keys.revoke(await self._caller(), request.id)
        return empty_pb2.Empty()

    async def GetJwks(self, request: auth_pb2.GetJwksRequest, context: Context) -> auth_pb2.GetJwksResponse:
        """The public keys."""
        keys = await self._key_set.public_keys()
        await set_http(context, cache_control="public, max-age=300")
        return auth_pb2.GetJwksResponse(keys=[auth_pb2.JsonWebKey(**key) for key in keys])

    async def CreateServiceToken(
        self, request: auth_pb2.CreateServiceTokenRequest, context: Context
    ) -> auth_pb2.CreateServiceTokenResponse:
        """A service's own token."""
        token = await self._mesh.for_service(request.service, request.secret)
        return auth_pb2.CreateServiceTokenResponse(access_token=token.text, expires_in_s=token.lifetime_s)

    async def CreateDelegatedToken(
        self, request: auth_pb2.CreateDelegatedTokenRequest, context: Context
    ) -> auth_pb2.CreateDelegatedTokenResponse:
        """A token with which a service acts for a user."""
        token = await self._mesh.on_behalf_of(request.user_id, caller=current_principal().subject)
        return auth_pb2.CreateDelegatedTokenResponse(access_token=token.text, expires_in_s=token.lifetime_s)

    async def CreateJobToken(
        self, request: auth_pb2.CreateJobTokenRequest, context: Context
    ) -> auth_pb2.CreateJobTokenResponse:
        """A token that opens the files of one job for its worker."""
        job = JobClaim(
            kind=request.kind,
            job_id=request.job_id,
            epoch=request.epoch,
            asset_ids=tuple(request.asset_ids),
            is_parent=request.is_parent,
        )
        token = await self._mesh.for_job(
            request.user_id,
            job,
            worker=request.worker,
            caller=current_principal().subject,
            lifetime_s=request.expires_in_s,
        )
        return auth_pb2.CreateJobTokenResponse(access_token=token.text, expires_in_s=token.lifetime_s)

    async def WatchRevokedKeys(
        self, request: auth_pb2.WatchRevokedKeysRequest, context: Context
    ) -> AsyncIterator[auth_pb2.RevokedKeys]:
        """Streams the ids of revoked keys until the caller ends the call."""
        since_us = request.since.ToMicroseconds() if request.HasField("since") else None
        async with aclosing(self._revocations.watch(since_us)) as revocations:
            async for revoked in revocations:
                yield auth_pb2.RevokedKeys(ids=sorted(revoked.key_ids), until=_time(revoked.until_us))

    async def _caller(self) -> ApiKey:
        return await self._keys.caller(current_principal().key_id)


def _position(page_token: str) -> tuple[int, str] | None:
    if not page_token:
        return None
    create_us, key_id = decode_token(page_token, 2)
    if not isinstance(create_us, int) or not isinstance(key_id, str) or not 0 <= create_us < 2**63:
        raise InvalidArgumentError.of_field("page_token", "is not one that a previous response gave")
    return create_us, key_id


def _to_message(key: ApiKey) -> auth_pb2.ApiKey:
    return auth_pb2.ApiKey(
        id=key.id,
        display_name=key.display_name,
        prefix=key.prefix,
        user_id=key.user_id,
        admin=key.admin,
        create_time=_time(key.create_us),
        expire_time=_time(key.expire_us),
        last_use_time=_time(key.last_use_us),
        scopes=_to_scopes(key.scopes),
    )


def _scopes(asked: Iterable[access_pb2.Scope.ValueType]) -> frozenset[str]:
    return frozenset(access_pb2.Scope.Name(scope).lower() for scope in asked)


def _to_scopes(scopes: frozenset[str]) -> list[access_pb2.Scope.ValueType]:
    return [access_pb2.Scope.Value(scope.upper()) for scope in ordered(scopes)]


def _time(us: int | None) -> timestamp_pb2.Timestamp | None:
    if us is None:
        return None
    return timestamp_pb2.Timestamp(seconds=us // 1_000_000, nanos=us % 1_000_000 * 1_000)
