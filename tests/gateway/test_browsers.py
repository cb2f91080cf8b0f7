"""What a page needs: CORS, gRPC-Web, WebSockets; in a real browser too."""

import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import websockets
from playwright.async_api import Page

from atelier.image.v1 import image_pb2
from tests.gateway.mesh import Gateway, Upstream, run_mesh

pytestmark = pytest.mark.asyncio(loop_scope="session")

APP = "https://app.example"
PREFLIGHT = {"origin": APP, "access-control-request-method": "POST", "access-control-request-headers": "x-api-key"}


def framed(message: bytes) -> bytes:
    """A gRPC data frame."""
    return b"\0" + len(message).to_bytes(4, "big") + message


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def open_gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Gateway, Upstream]]:
    """A gateway that lets pages of one origin call."""
    async with run_mesh(tmp_path_factory.mktemp("cors"), cors_origins=(APP,)) as running:
        yield running


async def test_a_preflight_of_an_allowed_origin_needs_no_credentials(
    open_gateway: tuple[Gateway, Upstream],
) -> None:
    answer = await open_gateway[0].rest.options("/api/v1/images/generate", headers=PREFLIGHT)

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == APP
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "x-api-key" in answer.headers["access-control-allow-headers"]


async def test_an_allowed_page_may_read_responses_and_errors(open_gateway: tuple[Gateway, Upstream]) -> None:
    rest = open_gateway[0].rest

    answer = await rest.get("/api/v1/images/1", headers={"origin": APP, "x-api-key": "atl_ada_secret"})
    refusal = await rest.get("/api/v1/images/1", headers={"origin": APP})

    assert answer.headers["access-control-allow-origin"] == APP
    assert "x-trace-id" in answer.headers["access-control-expose-headers"]
    assert (refusal.status_code, refusal.headers["access-control-allow-origin"]) == (401, APP)


@pytest.mark.parametrize("origin", [APP, "https://evil.example", None])
@pytest.mark.parametrize("verb", ["GET", "HEAD"])
@pytest.mark.parametrize(("status", "path", "more"), [
    (200, "/api/v1/images/1", {}), (200, "/healthz", {}), (200, "/api/v1/openapi.json", {}),
    (200, "/.well-known/jwks.json", {}), (206, "/api/v1/images/1/content", {"range": "bytes=0-4"}),
    (304, "/api/v1/images/1/content", {"if-none-match": '"content"'}), (400, "/api/v1/images?foo=1", {}),
    (400, "/api/v1/images/1", {"prefer": "a\tb"}), (401, "/api/v1/images/1", {"x-api-key": "atl_ada_guess"}),
    (404, "/nope", {}), (404, "/api/v1/images/none", {}), (405, "/api/v1/images/1/cancel", {}),
    (431, "/api/v1/images/1", {"x": "a" * 20_000}),
])  # fmt: skip
async def test_every_response_has_its_cors_headers(
    open_gateway: tuple[Gateway, Upstream], status: int, path: str, more: dict[str, str], verb: str, origin: str | None
) -> None:
    headers = {"x-api-key": "atl_ada_secret", **({} if origin is None else {"origin": origin}), **more}

    answer = await open_gateway[0].rest.request(verb, path, headers=headers)

    assert answer.status_code == (200 if (verb, status) == ("HEAD", 206) else status)
    assert "Origin" in answer.headers["vary"].split(", ")
    assert answer.headers.get("access-control-allow-origin") == (APP if origin == APP else None)
    exposed = answer.headers.get("access-control-expose-headers", "").split(", ")
    assert ("content-disposition" in exposed) is (origin == APP)


async def test_every_refusal_of_a_post_may_be_read_too(tmp_path: Path) -> None:
    async with run_mesh(tmp_path, cors_origins=(APP, "https://other.example"), requests_per_s=1, request_burst=1) as (
        gateway,
        _,
    ):
        key = {"origin": APP, "x-api-key": "atl_ada_secret"}
        generate = "/api/v1/images/generate"
        asks = [
            gateway.rest.post(generate, headers={**key, "content-type": "text/plain"}, content=b"{}"),
            gateway.rest.post(generate, headers={**key, "content-type": "application/json"}, content=b" " * 1_048_600),
            *(gateway.rest.get("/api/v1/images/1", headers=key) for _ in range(3)),
        ]
        answers = [await ask for ask in asks]

        assert {415, 413, 429} <= {answer.status_code for answer in answers}
        assert {answer.headers["access-control-allow-origin"] for answer in answers} == {APP}


async def test_a_page_may_send_a_traceparent(open_gateway: tuple[Gateway, Upstream]) -> None:
    answer = await open_gateway[0].rest.options("/api/v1/images/1", headers=PREFLIGHT)

    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert {"traceparent", "tracestate", "x-request-id", "prefer", "range"} <= set(allowed)
    assert "HEAD" in answer.headers["access-control-allow-methods"]


async def test_other_origins_get_no_permission(
    open_gateway: tuple[Gateway, Upstream], gateway: Gateway, ada: dict[str, str]
) -> None:
    strange = await open_gateway[0].rest.options(
        "/api/v1/images/generate", headers={**PREFLIGHT, "origin": "https://evil.example"}
    )
    closed = await gateway.rest.get("/api/v1/images/1", headers={**ada, "origin": APP})

    assert "access-control-allow-origin" not in strange.headers
    assert "access-control-allow-origin" not in closed.headers


@pytest.mark.parametrize("text", [False, True], ids=["binary", "text"])
async def test_a_page_calls_an_rpc_through_grpc_web(gateway: Gateway, ada: dict[str, str], text: bool) -> None:
    kind = "application/grpc-web-text" if text else "application/grpc-web+proto"
    request = framed(image_pb2.GetImageRequest(id="7").SerializeToString())

    answer = await gateway.rest.post(
        "/atelier.image.v1.ImageService/GetImage",
        headers={**ada, "content-type": kind, "accept": kind, "x-grpc-web": "1"},
        content=base64.b64encode(request) if text else request,
    )

    # Each frame is encoded, and padded, for itself.
    frames = (
        [base64.b64decode(piece) for piece in re.findall(rb"[^=]+=*", answer.content)] if text else [answer.content]
    )
    body = b"".join(frames)
    length = int.from_bytes(body[1:5], "big")
    assert image_pb2.Image.FromString(body[5 : 5 + length]).id == "7"
    assert b"grpc-status:0" in body[5 + length :]
    assert answer.headers["content-type"].startswith("application/grpc-web")


async def test_grpc_web_returns_the_error_of_a_service(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.post(
        "/atelier.image.v1.ImageService/GetImage",
        headers={**ada, "content-type": "application/grpc-web+proto"},
        content=framed(image_pb2.GetImageRequest(id="none").SerializeToString()),
    )

    assert answer.headers.get("grpc-status") == "5" or b"grpc-status:5" in answer.content


async def test_a_websocket_passes_both_ways_with_the_callers_token(
    gateway: Gateway, upstream: Upstream, ada: dict[str, str]
) -> None:
    url = f"ws://127.0.0.1:{gateway.settings.port}/ws/v1/events?after=5"
    async with websockets.connect(url, additional_headers=ada) as socket:
        seen = json.loads(await socket.recv())
        await socket.send("hello")

        assert await socket.recv() == "hello"
        assert seen["path"] == "/ws/v1/events?after=5"
        assert seen["authorization"] == ada["authorization"]
        assert seen["x-atelier-subject"] == "ada"


async def test_a_websocket_takes_an_api_key(gateway: Gateway, upstream: Upstream) -> None:
    url = f"ws://127.0.0.1:{gateway.settings.port}/ws/v1/events"
    async with websockets.connect(url, additional_headers={"x-api-key": "atl_bob_secret"}) as socket:
        seen = json.loads(await socket.recv())

        assert seen["x-atelier-subject"] == "bob"
        assert "x-api-key" not in seen


async def test_a_page_gives_its_token_in_the_query_and_the_gateway_takes_it_out(
    gateway: Gateway, upstream: Upstream
) -> None:
    token = upstream.signer.token("eve")
    url = f"ws://127.0.0.1:{gateway.settings.port}/ws/v1/events?types=a&access_token={token}&after=5"
    async with websockets.connect(url) as socket:
        seen = json.loads(await socket.recv())

        assert seen["path"] == "/ws/v1/events?types=a&after=5"
        assert seen["authorization"] == f"Bearer {token}"
        assert token not in json.dumps({name: value for name, value in seen.items() if name != "authorization"})


async def test_only_the_websocket_takes_a_token_in_its_query(gateway: Gateway, upstream: Upstream) -> None:
    answer = await gateway.rest.get(f"/api/v1/images/1?access_token={upstream.signer.token()}")

    assert answer.status_code == 401


async def test_a_page_in_a_browser_calls_rest_and_the_websocket_with_its_token(
    gateway: Gateway, upstream: Upstream, page: Page
) -> None:
    script = """async token => {
        const headers = {authorization: `Bearer ${token}`};
        const image = await (await fetch("/api/v1/images/7", {headers})).json();
        const refused = (await fetch("/api/v1/images/7")).status;
        const socket = new WebSocket(`ws://${location.host}/ws/v1/events?access_token=${token}`);
        const first = await new Promise((resolve, reject) => {
            socket.onmessage = message => resolve(message.data);
            socket.onerror = () => reject(new Error("no WebSocket"));
        });
        socket.close();
        return {id: image.id, refused, first: JSON.parse(first)};
    }"""
    await page.goto(f"{gateway.url}/api/v1/openapi.json")

    seen = await page.evaluate(script, upstream.signer.token("eve"))

    assert (seen["id"], seen["refused"]) == ("7", 401)
    assert seen["first"]["x-atelier-subject"] == "eve"


async def test_an_event_source_resumes_where_its_stream_broke_and_stops_at_the_end(
    gateway: Gateway, upstream: Upstream, page: Page
) -> None:
    script = """() => new Promise(resolve => {
        const source = new EventSource("/api/v1/images/broken/events");
        const seen = [];
        source.onmessage = message => seen.push([message.lastEventId, JSON.parse(message.data).seq]);
        source.onerror = () => { if (source.readyState === EventSource.CLOSED) resolve(seen); };
    })"""
    await page.goto(f"{gateway.url}/api/v1/openapi.json")
    # An EventSource cannot send a credential: the browser adds it here.
    await page.set_extra_http_headers({"authorization": f"Bearer {upstream.signer.token('eve')}"})
    upstream.images.last_event_ids.clear()

    seen = await page.evaluate(script)

    assert seen == [["1", 1], ["2", 2], ["3", 3]]
    assert upstream.images.last_event_ids == ["", "2", "3"]
