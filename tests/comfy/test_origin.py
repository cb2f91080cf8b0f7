"""Which requests of browsers are refused."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from atelier_comfy.origin import OriginCheck

PORT = 21801


async def status_of(check: OriginCheck, headers: dict[str, str], method: str = "POST") -> int:
    async def served(_request: web.Request) -> web.Response:
        return web.Response()

    application = web.Application(middlewares=[check.middleware])
    application.router.add_route("*", "/prompt", served)
    async with TestClient(TestServer(application)) as client:
        return (await client.request(method, "/prompt", headers=headers)).status


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": f"localhost:{PORT}"},
        {"Host": f"[::1]:{PORT}"},
        {"Host": f"127.0.0.1:{PORT}", "Origin": f"http://127.0.0.1:{PORT}"},
        {"Host": f"127.0.0.1:{PORT}", "Origin": f"http://localhost:{PORT}"},
        {"Host": f"127.0.0.1:{PORT}", "Sec-Fetch-Site": "same-origin"},
    ],
)
async def test_programs_and_own_pages_are_served(headers: dict[str, str]) -> None:
    assert await status_of(OriginCheck(loopback_only=True), headers) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": f"rebound.example:{PORT}"},
        {"Host": f"127.0.0.1:{PORT}", "Origin": "https://evil.example"},
        {"Host": f"127.0.0.1:{PORT}", "Origin": "null"},
        {"Host": f"127.0.0.1:{PORT}", "Origin": f"http://127.0.0.1:{PORT + 1}"},
        {"Host": f"127.0.0.1:{PORT}", "Origin": "http://127.0.0.1:none"},
        {"Host": f"127.0.0.1:{PORT}", "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_pages_of_other_sites_and_names_of_others_are_refused(headers: dict[str, str]) -> None:
    assert await status_of(OriginCheck(loopback_only=True), headers) == 403


async def test_a_link_on_another_site_may_be_followed() -> None:
    headers = {"Host": f"127.0.0.1:{PORT}", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert await status_of(OriginCheck(loopback_only=True), headers, "GET") == 200
    assert await status_of(OriginCheck(loopback_only=True), headers, "POST") == 403


async def test_beyond_loopback_any_name_will_do_but_no_other_site() -> None:
    check = OriginCheck(loopback_only=False)
    assert await status_of(check, {"Host": "studio.example:80"}) == 200
    assert await status_of(check, {"Host": "studio.example", "Origin": "http://studio.example"}) == 200
    assert await status_of(check, {"Host": "studio.example", "Origin": "http://evil.example"}) == 403


async def test_an_origin_that_is_allowed_by_name_may_call() -> None:
    check = OriginCheck(loopback_only=True, allowed="https://app.example")
    host = {"Host": f"127.0.0.1:{PORT}"}
    assert await status_of(check, {**host, "Origin": "https://app.example"}, "OPTIONS") == 204
    assert await status_of(check, {**host, "Origin": "https://app.example"}) == 200
    assert await status_of(check, {**host, "Origin": "https://other.example"}) == 403
