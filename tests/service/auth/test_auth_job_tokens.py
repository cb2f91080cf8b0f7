"""Tokens of jobs and of workers: who gets them, and what they say."""

from typing import Any

import grpc
import pytest
from tests.service.auth.running_auth import WORKER_SECRET, Metadata, RunningAuth, bearer, reason_of

from atelier.auth.v1 import auth_pb2
from atelier_service.credentials import jwks_from
from atelier_service.identity import JobGrant, TokenVerifier

CLAIM: dict[str, Any] = {
    "user_id": "ada", "worker": "atelier-image-worker", "kind": "image", "job_id": "job-1", "epoch": 3,
    "asset_ids": ["asset-1", "asset-2"], "expires_in_s": 15,
}  # fmt: skip


async def job_token(auth: RunningAuth, caller: Metadata, **changes: Any) -> auth_pb2.CreateJobTokenResponse:
    """The token of a claim, asked for by `caller`."""
    request = auth_pb2.CreateJobTokenRequest(**(CLAIM | changes))
    return await auth.auth.CreateJobToken(request, metadata=caller)


async def as_worker(auth: RunningAuth) -> Metadata:
    """Call metadata of a worker with its own secret."""
    return await auth.as_service("atelier-image-worker", WORKER_SECRET)


async def test_the_token_of_a_job_names_owner_worker_job_epoch_and_assets(auth: RunningAuth) -> None:
    await auth.as_user("ada")
    answer = await job_token(auth, await auth.as_service())
    principal = await TokenVerifier(jwks_from(auth.address)).verify(answer.access_token)
    assert (principal.subject, principal.actor) == ("ada", "service:atelier-image-worker")
    assert principal.job == JobGrant("image", "job-1", 3, frozenset({"asset-1", "asset-2"}))
    assert principal.scopes == {"read", "submit"}
    assert principal.roles == {"user"}


async def test_it_ends_with_the_lease(auth: RunningAuth) -> None:
    await auth.as_user("ada")
    answer = await job_token(auth, await auth.as_service(), expires_in_s=15)
    assert answer.expires_in_s in (15, 16)  # whole seconds, rounded up


@pytest.mark.parametrize("user_id", ["nobody", "service:atelier-storage"])
async def test_there_is_none_for_an_unknown_user(auth: RunningAuth, user_id: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await job_token(auth, await auth.as_service(), user_id=user_id)
    assert reason_of(raised.value) == "USER_NOT_FOUND"


async def test_only_services_that_serve_jobs_get_tokens_on_behalf_of_users(auth: RunningAuth) -> None:
    callers = {
        "a worker": await as_worker(auth),
        "another service": await auth.as_service("atelier-events"),
        "a user": await auth.as_user("ada"),
        "an administrator": await auth.as_dev(),
        "a job": bearer((await job_token(auth, await auth.as_service())).access_token),
    }
    for name, caller in callers.items():
        for call in (
            job_token(auth, caller),
            auth.auth.CreateDelegatedToken(auth_pb2.CreateDelegatedTokenRequest(user_id="ada"), metadata=caller),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call
            assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED, name
            assert reason_of(raised.value) in ("SERVICE_REQUIRED", "JOB_TOKEN"), name


async def test_the_token_of_a_job_opens_nothing_of_auth(auth: RunningAuth) -> None:
    await auth.as_user("ada")
    token = bearer((await job_token(auth, await auth.as_service())).access_token)
    for call in (
        auth.auth.CreateToken(auth_pb2.CreateTokenRequest(), metadata=token),
        auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=token),
        auth.auth.CreateSignedUrls(auth_pb2.CreateSignedUrlsRequest(urls=["/api/v1/images/i/content"]), metadata=token),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        assert reason_of(raised.value) == "JOB_TOKEN"


async def test_a_workers_own_token_has_its_role(auth: RunningAuth) -> None:
    verifier = TokenVerifier(jwks_from(auth.address))
    [(_, value)] = await as_worker(auth)
    principal = await verifier.verify(value.removeprefix("Bearer "))
    assert (principal.subject, principal.roles) == ("service:atelier-image-worker", frozenset({"worker"}))
