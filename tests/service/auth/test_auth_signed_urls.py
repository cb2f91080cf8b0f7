"""Signed URLs: what is signed, for whom, and for how long."""

import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import grpc
import pytest
from tests.service.auth.running_auth import (
    Metadata,
    RunningAuth,
    auth_settings,
    bearer,
    new_dev_key,
    reason_of,
    running_auth,
)
from tests.service.auth.test_auth_scopes import token_for

from atelier.auth.v1 import auth_pb2
from atelier.type.v1.access_pb2 import KEYS, READ, SUBMIT
from atelier_service.clock import FakeClock
from atelier_service.credentials import jwks_from
from atelier_service.errors import UnauthenticatedError
from atelier_service.identity import URL_AUDIENCE, TokenVerifier

CONTENT = "/api/v1/images/a/content?index=1"


async def sign(auth: RunningAuth, by: Metadata, *urls: str, expires_in_s: int = 0) -> auth_pb2.CreateSignedUrlsResponse:
    request = auth_pb2.CreateSignedUrlsRequest(urls=urls, expires_in_s=expires_in_s)
    return await auth.auth.CreateSignedUrls(request, metadata=by)


def signature_in(url: str) -> str:
    return parse_qs(urlsplit(url).query)["sig"][0]


async def test_a_signature_names_its_maker_and_the_one_resource(auth: RunningAuth) -> None:
    answer = await sign(auth, await auth.as_user("ada"), CONTENT, "/api/v1/events")
    assert answer.urls[0].startswith(CONTENT + "&sig=")
    assert answer.urls[1].startswith("/api/v1/events?sig=")
    verifier = TokenVerifier(jwks_from(auth.address))
    principal = await verifier.verify(signature_in(answer.urls[0]), URL_AUDIENCE)
    assert (principal.subject, principal.roles, principal.scopes) == ("ada", frozenset[str](), frozenset({"read"}))
    assert principal.signed == ("/api/v1/images/{id}/content", {"id": "a", "index": "1"})
    assert principal.end_s == answer.expire_time.seconds
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(signature_in(answer.urls[0]))


async def test_an_administrators_signature_permits_no_more_than_a_users(auth: RunningAuth) -> None:
    answer = await sign(auth, await auth.as_dev(), CONTENT)
    principal = await TokenVerifier(jwks_from(auth.address)).verify(signature_in(answer.urls[0]), URL_AUDIENCE)
    assert not principal.is_admin


async def test_it_lives_for_minutes_and_never_longer_than_the_key(auth: RunningAuth) -> None:
    now_s = int(time.time())
    ada = await auth.as_user("ada")
    for asked_s, least_s in ((0, 900), (60, 60), (3600, 3600)):
        lives_s = (await sign(auth, ada, CONTENT, expires_in_s=asked_s)).expire_time.seconds - now_s
        assert least_s <= lives_s <= least_s * 4 / 3 + 60
    made = await auth.new_key(await auth.as_dev(), expires_in_s=100)
    short = bearer(await auth.token(made.api_key))
    assert (await sign(auth, short, CONTENT)).expire_time.seconds - now_s <= 160


async def test_asked_for_again_it_is_the_same_so_that_browsers_find_it_in_their_cache(tmp_path: Path) -> None:
    clock = FakeClock(int(time.time()) // 20 * 20 * 1_000_000)
    async with running_auth(auth_settings(tmp_path, new_dev_key()), clock) as auth:
        dev = await auth.as_dev()
        first = await sign(auth, dev, CONTENT, expires_in_s=60)
        clock.advance(19)
        assert (await sign(auth, dev, CONTENT, expires_in_s=60)).urls == first.urls
        clock.advance(1)
        assert (await sign(auth, dev, CONTENT, expires_in_s=60)).urls != first.urls


@pytest.mark.parametrize("url", ["/api/v1/images", "/api/v1/auth/keys", "https://evil.example/", "x" * 1025, ""])
async def test_what_no_signed_url_may_open_is_not_signed(auth: RunningAuth, url: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await sign(auth, await auth.as_dev(), CONTENT, url)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_who_may_not_read_signs_nothing_and_neither_do_services_or_the_revoked(auth: RunningAuth) -> None:
    dev = await auth.as_dev()
    made = await auth.new_key(dev, scopes=[READ])
    reader = bearer(await auth.token(made.api_key))
    await sign(auth, reader, CONTENT)
    await auth.auth.DeleteApiKey(auth_pb2.DeleteApiKeyRequest(id=made.key.id), metadata=dev)
    refused = {
        "SCOPE_REQUIRED": (bearer(await token_for(auth, dev, SUBMIT, KEYS)), await auth.as_service()),
        "API_KEY_REQUIRED": (reader,),
    }
    for reason, callers in refused.items():
        for caller in callers:
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await sign(auth, caller, CONTENT)
            assert reason_of(raised.value) == reason


async def test_a_page_of_urls_is_signed_in_one_call(auth: RunningAuth) -> None:
    urls = [f"/api/v1/images/{number}/content" for number in range(1000)]
    answer = await sign(auth, await auth.as_dev(), *urls)
    assert len({signature_in(url) for url in answer.urls}) == 1000
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await sign(auth, await auth.as_dev(), *urls, CONTENT)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
