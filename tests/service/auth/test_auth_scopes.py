"""Scopes: what a token or a key was made for, and that it opens nothing else."""

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from tests.service.auth.running_auth import Metadata, RunningAuth, bearer, reason_of
from tests.service.auth.test_auth_tokens import claims_of

from atelier.auth.v1 import auth_pb2
from atelier.type.v1.access_pb2 import ADMIN, KEYS, READ, SUBMIT, Scope


async def token_for(auth: RunningAuth, by: Metadata, *scopes: Scope.ValueType) -> str:
    """A token that this caller makes."""
    answer = await auth.auth.CreateToken(auth_pb2.CreateTokenRequest(scopes=scopes), metadata=by)
    return answer.access_token


async def test_the_key_itself_has_all_its_scopes(auth: RunningAuth) -> None:
    assert (await claims_of(auth, await auth.token()))["scope"] == "read submit keys admin"
    ada = await auth.new_key(await auth.as_dev(), user_id="ada")
    assert list(ada.key.scopes) == [READ, SUBMIT, KEYS]
    assert (await claims_of(auth, await auth.token(ada.api_key)))["scope"] == "read submit keys"


async def test_a_token_for_a_page_reads_and_submits_and_is_no_administrators(auth: RunningAuth) -> None:
    answer = await auth.auth.CreateToken(auth_pb2.CreateTokenRequest(), metadata=await auth.as_dev())
    assert list(answer.scopes) == [READ, SUBMIT]
    claims = await claims_of(auth, answer.access_token)
    assert (claims["scope"], claims["roles"]) == ("read submit", ["user"])


@pytest.mark.parametrize("scopes", [[], [READ], [SUBMIT], [READ, SUBMIT]])
async def test_a_token_for_a_page_makes_lists_and_ends_no_key(auth: RunningAuth, scopes: list[Scope.ValueType]) -> None:
    page = bearer(await token_for(auth, await auth.as_dev(), *scopes))
    for call in (
        auth.auth.CreateApiKey(auth_pb2.CreateApiKeyRequest(display_name="x", admin=True), metadata=page),
        auth.auth.CreateApiKey(auth_pb2.CreateApiKeyRequest(display_name="x"), metadata=page),
        auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=page),
        auth.auth.DeleteApiKey(auth_pb2.DeleteApiKeyRequest(id="x"), metadata=page),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert reason_of(raised.value) == "SCOPE_REQUIRED"
        assert metadata_of(raised.value) == {"scope": "keys"}


def metadata_of(error: grpc.aio.AioRpcError) -> dict[str, str]:
    """What the ErrorInfo says besides the reason."""
    status, info = rpc_status.from_call(error), error_details_pb2.ErrorInfo()
    assert status is not None
    status.details[0].Unpack(info)
    return dict(info.metadata)


async def test_a_token_gets_no_scope_that_it_lacks_and_does_not_outlive_its_maker(auth: RunningAuth) -> None:
    page = await token_for(auth, await auth.as_dev(), READ)
    for scope in (SUBMIT, KEYS, ADMIN):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await token_for(auth, bearer(page), scope)
        assert reason_of(raised.value) == "SCOPE_REQUIRED"
    again = await token_for(auth, bearer(page))
    first, second = await claims_of(auth, page), await claims_of(auth, again)
    assert second["scope"] == "read"
    assert second["exp"] <= first["exp"]


async def test_a_token_may_be_made_for_keys_but_not_for_an_administrators(auth: RunningAuth) -> None:
    keys = bearer(await token_for(auth, await auth.as_dev(), KEYS))
    made = await auth.new_key(keys)
    assert list(made.key.scopes) == [KEYS]  # no more than the token that made it
    for fields in ({"admin": True}, {"user_id": "eve"}):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await auth.new_key(keys, **fields)
        assert reason_of(raised.value) == "ADMIN_REQUIRED"
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await auth.new_key(keys, scopes=[READ])
    assert reason_of(raised.value) == "SCOPE_REQUIRED"


async def test_a_key_with_fewer_scopes_gives_tokens_and_keys_with_no_more(auth: RunningAuth) -> None:
    made = await auth.new_key(await auth.as_dev(), scopes=[READ])
    assert list(made.key.scopes) == [READ]
    reader = bearer(await auth.token(made.api_key))
    assert (await claims_of(auth, reader[0][1].removeprefix("Bearer ")))["scope"] == "read"
    assert (await claims_of(auth, await token_for(auth, reader)))["scope"] == "read"
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await auth.new_key(reader)
    assert reason_of(raised.value) == "SCOPE_REQUIRED"
    listed = (await auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=await auth.as_dev())).keys
    assert list(listed[0].scopes) == [READ]


async def test_an_administrators_key_has_the_scope_whatever_else_it_has(auth: RunningAuth) -> None:
    made = await auth.new_key(await auth.as_dev(), admin=True, scopes=[READ])
    assert list(made.key.scopes) == [READ, ADMIN]


@pytest.mark.parametrize("scopes", [[ADMIN], [0], [99], [READ, READ]])
async def test_scopes_that_no_key_is_given_are_refused(auth: RunningAuth, scopes: list[Scope.ValueType]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await auth.new_key(await auth.as_dev(), scopes=scopes)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_services_own_token_is_no_users(auth: RunningAuth) -> None:
    service = await auth.as_service()
    assert (await claims_of(auth, service[0][1].removeprefix("Bearer ")))["scope"] == ""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=service)
    assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED
