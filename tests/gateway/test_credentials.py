"""Nobody gets in without saying who they are, through no door."""

import json
from collections.abc import Awaitable, Callable

import grpc.aio
import pytest
import websockets

from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier_gateway.contract import Method
from tests.gateway.mesh import Gateway, Upstream
from tests.gateway.routes import every_closed_route, every_rpc
from tests.support.tokens import TestSigner

pytestmark = pytest.mark.asyncio(loop_scope="session")

Bad = Callable[[Upstream], dict[str, str]]
FORGED = f"Bearer {TestSigner('test-key').token(lifetime_s=3600)}"
BAD_CREDENTIALS: dict[str, Bad] = {
    "none": lambda _: {},
    "wrong key": lambda _: {"x-api-key": "atl_ada_guess"},
    "not a token": lambda _: {"authorization": "Bearer x.y.z"},
    "not a bearer": lambda _: {"authorization": "Basic YTpi"},
    "expired": lambda upstream: {"authorization": f"Bearer {upstream.signer.token(lifetime_s=-60)}"},
    "forged": lambda _: {"authorization": FORGED},
    "unknown key": lambda _: {"authorization": f"Bearer {TestSigner('another').token()}"},
    "other audience": lambda upstream: {"authorization": f"Bearer {upstream.signer.token(aud=['x'])}"},
    "other issuer": lambda upstream: {"authorization": f"Bearer {upstream.signer.token(iss='x')}"},
    "forged beside a good key": lambda _: {"authorization": FORGED, "x-api-key": "atl_ada_secret"},
    "only says so": lambda _: {"x-atelier-subject": "ada"},
}
everyone_who_is_nobody = pytest.mark.parametrize("bad", BAD_CREDENTIALS.values(), ids=BAD_CREDENTIALS.keys())


@every_closed_route
@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
async def test_every_rest_route_wants_credentials(gateway: Gateway, verb: str, path: str, accept: str) -> None:
    answer = await gateway.rest.request(verb, path, headers={"accept": accept})

    assert answer.status_code == 401
    assert answer.json()["code"] == 16
    assert answer.json()["details"][0]["reason"] == "UNAUTHENTICATED"
    assert answer.json()["message"].startswith("no valid credential; send ")


@every_rpc
@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc-web+proto", "application/json"])
async def test_every_rpc_wants_credentials(gateway: Gateway, method: Method, kind: str) -> None:
    answer = await gateway.rest.post(method.path, content=b"\0\0\0\0\0", headers={"content-type": kind})

    assert answer.status_code == 401 or answer.headers["grpc-status"] == "16"


@everyone_who_is_nobody
async def test_rest_refuses(gateway: Gateway, upstream: Upstream, bad: Bad) -> None:
    answer = await gateway.rest.get("/api/v1/images/1", headers=bad(upstream))

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/json"
    assert "Jw" not in answer.text


@everyone_who_is_nobody
async def test_event_streams_refuse(gateway: Gateway, upstream: Upstream, bad: Bad) -> None:
    headers = {"accept": "text/event-stream", **bad(upstream)}

    answer = await gateway.rest.get("/api/v1/images/1/events", headers=headers)

    assert answer.status_code == 401


@everyone_who_is_nobody
async def test_grpc_refuses(gateway: Gateway, upstream: Upstream, bad: Bad) -> None:
    stub = image_pb2_grpc.ImageServiceStub(gateway.channel)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.GetImage(image_pb2.GetImageRequest(id="1"), metadata=tuple(bad(upstream).items()))

    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


@everyone_who_is_nobody
async def test_grpc_streams_refuse(gateway: Gateway, upstream: Upstream, bad: Bad) -> None:
    stub = image_pb2_grpc.ImageServiceStub(gateway.channel)
    call = stub.WatchImage(image_pb2.WatchImageRequest(id="1"), metadata=tuple(bad(upstream).items()))

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call.read()

    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


@everyone_who_is_nobody
async def test_websockets_refuse(gateway: Gateway, upstream: Upstream, bad: Bad) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(
            f"ws://127.0.0.1:{gateway.settings.port}/ws/v1/events", additional_headers=bad(upstream)
        ):
            pass

    assert refused.value.response.status_code == 401


async def test_a_websocket_with_a_bad_token_in_its_query_is_refused(gateway: Gateway) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(f"ws://127.0.0.1:{gateway.settings.port}/ws/v1/events?access_token=x.y.z"):
            pass

    assert refused.value.response.status_code == 401


async def test_an_expired_token_is_distinguished_from_a_forged_one(gateway: Gateway, upstream: Upstream) -> None:
    async def reason(bad: Bad) -> str:
        answer = await gateway.rest.get("/api/v1/images/1", headers=bad(upstream))
        return str(answer.json()["details"][0]["reason"])

    assert await reason(BAD_CREDENTIALS["expired"]) == "TOKEN_EXPIRED"
    assert await reason(BAD_CREDENTIALS["forged"]) == "TOKEN_INVALID"
    assert await reason(BAD_CREDENTIALS["other audience"]) == "TOKEN_INVALID"


async def test_a_token_does_not_trouble_auth_but_an_api_key_does(
    gateway: Gateway, upstream: Upstream, ada: dict[str, str]
) -> None:
    before = upstream.auth.checks

    await gateway.rest.get("/api/v1/images/1", headers=ada)
    assert upstream.auth.checks == before
    await gateway.rest.get("/api/v1/images/1", headers={"x-api-key": "atl_bob_secret"})
    assert upstream.auth.checks == before + 1


async def test_strangers_do_not_trouble_auth(gateway: Gateway, upstream: Upstream) -> None:
    before = upstream.auth.checks

    for headers in ({}, {"authorization": "Basic YTpi"}, {"authorization": "Bearer"}, {"x-atelier-signature": "x"}):
        answer = await gateway.rest.get("/api/v1/images/1", headers=headers)
        assert (answer.status_code, answer.json()["details"][0]["reason"]) == (401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"].startswith("Bearer realm=")
    assert upstream.auth.checks == before


async def test_an_api_key_becomes_a_token_and_goes_no_further(gateway: Gateway, upstream: Upstream) -> None:
    answer = await gateway.rest.get("/api/v1/images/1", headers={"x-api-key": "atl_bob_secret"})

    seen = upstream.images.metadata
    assert answer.status_code == 200
    assert "x-api-key" not in seen
    assert (await upstream.signer.verifier().verify(seen["authorization"].removeprefix("Bearer "))).subject == "bob"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER  "])
async def test_an_api_key_may_come_as_a_bearer(gateway: Gateway, upstream: Upstream, scheme: str) -> None:
    headers = {"authorization": f"{scheme} atl_bob_secret"}
    stub = image_pb2_grpc.ImageServiceStub(gateway.channel)

    assert (await gateway.rest.get("/api/v1/images/1", headers=headers)).status_code == 200
    await stub.GetImage(image_pb2.GetImageRequest(id="1"), metadata=tuple(headers.items()))
    assert upstream.images.metadata["x-atelier-subject"] == "bob"
    async with websockets.connect(
        f"ws://127.0.0.1:{gateway.settings.port}/ws/v1/events", additional_headers=headers
    ) as socket:
        seen = json.loads(await socket.recv())
    assert seen["x-atelier-subject"] == "bob"
    assert "atl_" not in str(seen)


async def test_a_scheme_in_lower_case_brings_a_token(gateway: Gateway, upstream: Upstream) -> None:
    headers = {"authorization": f"bearer {upstream.signer.token('ada')}"}

    assert (await gateway.rest.get("/api/v1/images/1", headers=headers)).status_code == 200


async def test_what_comes_as_a_bearer_counts_and_a_key_beside_it_does_not(gateway: Gateway, upstream: Upstream) -> None:
    async def subject_of(bearer: str, key: str = "atl_bob_secret") -> str | None:
        headers = {"authorization": f"Bearer {bearer}", "x-api-key": key}
        answer = await gateway.rest.get("/api/v1/images/1", headers=headers)
        return upstream.images.metadata["x-atelier-subject"] if answer.status_code == 200 else None

    assert await subject_of(upstream.signer.token("ada")) == "ada"
    assert await subject_of("atl_ada_secret") == "ada"
    assert await subject_of("atl_ada_guess") is None
    assert await subject_of("x.y.z") is None


async def test_another_scheme_beside_a_key_is_passed_over(gateway: Gateway) -> None:
    headers = {"authorization": "Basic YTpi", "x-api-key": "atl_bob_secret"}

    assert (await gateway.rest.get("/api/v1/images/1", headers=headers)).status_code == 200


@pytest.mark.parametrize("credential", ["token", "key"])
async def test_identity_headers_of_a_client_are_dropped(
    gateway: Gateway, upstream: Upstream, ada: dict[str, str], credential: str
) -> None:
    lies = {"x-atelier-subject": "root", "x-atelier-roles": "admin", "x-http-code": "500", "x-envoy-retry-on": "5xx"}
    headers = {**(ada if credential == "token" else {"x-api-key": "atl_ada_secret"}), **lies}

    async def over_rest() -> None:
        assert (await gateway.rest.get("/api/v1/images/1", headers=headers)).status_code == 200

    async def over_grpc() -> None:
        stub = image_pb2_grpc.ImageServiceStub(gateway.channel)
        await stub.GetImage(image_pb2.GetImageRequest(id="1"), metadata=tuple(headers.items()))

    doors: list[Callable[[], Awaitable[None]]] = [over_rest, over_grpc]
    for door in doors:
        await door()
        seen = upstream.images.metadata
        assert seen["x-atelier-subject"] == "ada"
        assert not {"x-atelier-roles", "x-http-code", "x-envoy-retry-on"} & set(seen)


async def test_the_signing_keys_and_the_document_need_no_credentials(gateway: Gateway, upstream: Upstream) -> None:
    for path in ("/.well-known/jwks.json", "/api/v1/.well-known/jwks.json"):
        answer = await gateway.rest.get(path)
        assert answer.status_code == 200
        assert answer.json() == await upstream.signer.jwks()

    answer = await gateway.rest.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == gateway.settings.openapi.read_bytes()
