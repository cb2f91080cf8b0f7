"""Tokens over gRPC: what they say, who gets them, and that the published keys verify them."""

from typing import Any

import grpc
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from pydantic import SecretStr
from tests.service.auth.running_auth import (
    SHARED_SECRET,
    WORKER_SECRET,
    Metadata,
    RunningAuth,
    bearer,
    reason_of,
)

from atelier.auth.v1 import auth_pb2
from atelier_service.credentials import ServiceCredential, jwks_from
from atelier_service.identity import TokenVerifier


async def claims_of(auth: RunningAuth, token: str) -> dict[str, Any]:
    """The claims of a token, its signature verified with the published keys."""
    keys = (await auth.auth.GetJwks(auth_pb2.GetJwksRequest())).keys
    fields = ("kty", "crv", "x", "kid", "use")
    key_set = KeySet.import_key_set({"keys": [{name: getattr(key, name) for name in fields} for key in keys]})
    with pytest.warns(UserWarning, match="RFC 9864"):
        return jwt.decode(token, key_set, algorithms=["EdDSA"]).claims


async def test_a_keys_token_has_subject_issuer_and_expiry(auth: RunningAuth) -> None:
    made = await auth.new_key(await auth.as_dev(), user_id="ada")
    claims = await claims_of(auth, await auth.token(made.api_key))
    assert claims["iss"] == "atelier"
    assert claims["aud"] == ["atelier"]
    assert claims["sub"] == "ada"
    assert claims["roles"] == ["user"]
    assert claims["key_id"] == made.key.id
    assert claims["exp"] - claims["iat"] == 300
    assert len(claims["jti"]) == 32
    assert "act" not in claims


async def test_an_administrators_token_has_the_role(auth: RunningAuth) -> None:
    assert (await claims_of(auth, await auth.token()))["roles"] == ["user", "admin"]


async def test_a_token_does_not_outlive_a_key_that_is_about_to_end(auth: RunningAuth) -> None:
    made = await auth.new_key(await auth.as_dev(), expires_in_s=30)
    claims = await claims_of(auth, await auth.token(made.api_key))
    assert claims["exp"] - claims["iat"] <= 31


async def test_a_token_is_exchanged_for_a_fresh_one_of_the_same_key(auth: RunningAuth) -> None:
    token = await auth.token()
    answer = await auth.auth.CreateToken(auth_pb2.CreateTokenRequest(), metadata=bearer(token))
    assert (answer.token_type, answer.expires_in_s) == ("Bearer", 300)
    old, new = await claims_of(auth, token), await claims_of(auth, answer.access_token)
    assert old["jti"] != new["jti"]
    assert old["key_id"] == new["key_id"]


async def test_the_key_set_holds_public_halves_only_and_may_be_cached(auth: RunningAuth) -> None:
    call = auth.auth.GetJwks(auth_pb2.GetJwksRequest())
    keys = (await call).keys
    assert [(k.kty, k.crv, k.alg, k.use, len(k.x)) for k in keys] == [("OKP", "Ed25519", "EdDSA", "sig", 43)]
    assert ("cache-control", "public, max-age=300") in tuple(await call.initial_metadata())


async def test_the_mesh_verifies_tokens_with_the_published_keys(auth: RunningAuth) -> None:
    verifier = TokenVerifier(jwks_from(auth.address))
    principal = await verifier.verify(await auth.token())
    assert (principal.subject, principal.is_admin, principal.is_service) == ("dev", True, False)


async def test_a_service_gets_its_token_for_its_secret(auth: RunningAuth) -> None:
    token = (await auth.as_service())[0][1].removeprefix("Bearer ")
    claims = await claims_of(auth, token)
    assert (claims["sub"], claims["roles"]) == ("service:atelier-image", ["service"])
    assert "key_id" not in claims


@pytest.mark.parametrize(
    ("service", "secret"),
    [
        ("atelier-image", SHARED_SECRET + "x"),
        ("atelier-image", WORKER_SECRET),
        ("atelier-image-worker", SHARED_SECRET),
        ("dev\n", SHARED_SECRET),
        ("Atelier Image", SHARED_SECRET),
    ],
)
async def test_a_wrong_secret_and_a_wrong_name_are_the_same_refusal(
    auth: RunningAuth, service: str, secret: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await auth.as_service(service, secret)
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert reason_of(raised.value) == "SERVICE_SECRET_WRONG"


async def test_a_service_acts_for_a_user_and_the_token_names_it(auth: RunningAuth) -> None:
    await auth.as_user("ada")
    request = auth_pb2.CreateDelegatedTokenRequest(user_id="ada")
    answer = await auth.auth.CreateDelegatedToken(request, metadata=await auth.as_service())
    claims = await claims_of(auth, answer.access_token)
    assert (claims["sub"], claims["roles"]) == ("ada", ["user"])
    assert claims["act"] == {"sub": "service:atelier-image"}
    assert answer.expires_in_s == 300


async def test_a_service_that_acts_for_an_administrator_is_none(auth: RunningAuth) -> None:
    request = auth_pb2.CreateDelegatedTokenRequest(user_id="dev")
    answer = await auth.auth.CreateDelegatedToken(request, metadata=await auth.as_service())
    assert (await claims_of(auth, answer.access_token))["roles"] == ["user"]


@pytest.mark.parametrize("user_id", ["nobody", "service:atelier-storage", "ADA", "' OR 1=1 --"])
async def test_there_is_no_delegated_token_for_an_unknown_user(auth: RunningAuth, user_id: str) -> None:
    request = auth_pb2.CreateDelegatedTokenRequest(user_id=user_id)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await auth.auth.CreateDelegatedToken(request, metadata=await auth.as_service())
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    assert reason_of(raised.value) == "USER_NOT_FOUND"


async def delegated(auth: RunningAuth) -> Metadata:
    """Call metadata of a service that acts for the administrator."""
    request = auth_pb2.CreateDelegatedTokenRequest(user_id="dev")
    answer = await auth.auth.CreateDelegatedToken(request, metadata=await auth.as_service())
    return bearer(answer.access_token)


async def test_only_a_service_in_its_own_name_acts_for_others(auth: RunningAuth) -> None:
    request = auth_pb2.CreateDelegatedTokenRequest(user_id="dev")
    for caller in (await auth.as_dev(), await auth.as_user("ada"), await delegated(auth)):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await auth.auth.CreateDelegatedToken(request, metadata=caller)
        assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert reason_of(raised.value) == "SERVICE_REQUIRED"


async def test_a_service_makes_no_user_tokens_and_no_keys_in_its_own_or_a_users_name(auth: RunningAuth) -> None:
    for caller in (await auth.as_service(), await delegated(auth)):
        for call in (
            auth.auth.CreateToken(auth_pb2.CreateTokenRequest(), metadata=caller),
            auth.auth.CreateApiKey(auth_pb2.CreateApiKeyRequest(display_name="x"), metadata=caller),
            auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=caller),
            auth.auth.DeleteApiKey(auth_pb2.DeleteApiKeyRequest(id="x"), metadata=caller),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call
            assert reason_of(raised.value) in ("API_KEY_REQUIRED", "SCOPE_REQUIRED")


async def test_the_credential_of_the_service_library_works_against_it(auth: RunningAuth) -> None:
    await auth.as_user("ada")
    credential = ServiceCredential(auth.address, "atelier-image", SecretStr(SHARED_SECRET))
    try:
        assert (await claims_of(auth, await credential.token()))["sub"] == "service:atelier-image"
        assert (await claims_of(auth, await credential.on_behalf_of("ada")))["sub"] == "ada"
    finally:
        await credential.close()
