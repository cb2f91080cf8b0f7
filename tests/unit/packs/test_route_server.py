"""Routes that packs register are served without a port."""

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from atelier_nodes.packs.prompt_server import PromptServer
from atelier_nodes.packs.route_server import RouteServer


@pytest.fixture
async def routes() -> AsyncIterator[RouteServer]:
    prompt_server = PromptServer()

    @prompt_server.routes.get("/pack/echo/{name}")
    async def echo(request: web.Request) -> web.Response:
        return web.json_response({"name": request.match_info["name"], "query": dict(request.query)})

    @prompt_server.routes.post("/pack/body")
    async def body(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"X-Kind": request.headers["X-Kind"]})
        await response.prepare(request)
        await response.write(await request.read())
        await response.write(b" twice")
        return response

    @prompt_server.routes.get("/pack/fails")
    async def fails(_: web.Request) -> web.Response:
        raise ValueError("no such thing")

    server = RouteServer(prompt_server)
    await server.start()
    yield server
    await server.stop()


async def test_a_route_is_called_with_its_parameters(routes: RouteServer) -> None:
    status, headers, body = await routes.respond("GET", "/pack/echo/a%20b?x=1", [("Accept", "*/*")], b"")
    assert status == 200
    assert json.loads(body) == {"name": "a b", "query": {"x": "1"}}
    assert dict(headers)["Content-Type"] == "application/json; charset=utf-8"


async def test_bodies_and_headers_pass_and_a_streamed_body_arrives_whole(routes: RouteServer) -> None:
    content = bytes(range(256)) * 5000
    status, headers, body = await routes.respond("POST", "/pack/body", [("X-Kind", "test")], content)
    assert (status, dict(headers)["X-Kind"]) == (200, "test")
    assert body == content + b" twice"


async def test_an_unknown_path_is_404_and_a_route_that_fails_500(routes: RouteServer) -> None:
    assert (await routes.respond("GET", "/nothing", [], b""))[0] == 404
    assert (await routes.respond("GET", "/pack/fails", [], b""))[0] == 500


async def test_a_header_with_a_line_break_is_refused(routes: RouteServer) -> None:
    with pytest.raises(ValueError, match="line break"):
        await routes.respond("GET", "/pack/echo/x", [("X-A", "1\r\nX-B: 2")], b"")


async def test_routes_are_listed(routes: RouteServer) -> None:
    listed = set(routes.routes())
    assert {("GET", "/pack/echo/{name}"), ("POST", "/pack/body")} <= listed
