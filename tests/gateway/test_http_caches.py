"""What HTTP caches may keep of an answer: nothing, unless the service or the route says so."""

import pytest

from atelier_gateway.contract import Method
from tests.gateway.mesh import Gateway
from tests.gateway.routes import every_route
from tests.gateway.services import ETAG

pytestmark = pytest.mark.asyncio(loop_scope="session")


@every_route
async def test_without_a_header_of_the_service_no_cache_stores_a_response(
    gateway: Gateway, ada: dict[str, str], verb: str, path: str, method: Method
) -> None:
    takes_json = any(binding.body for binding in method.bindings) and not method.takes_bytes
    async with gateway.rest.stream(verb, path, headers=ada, json={} if takes_json else None) as answer:
        assert answer.headers.get_list("cache-control") == ["no-store"]


@every_route
async def test_no_cache_stores_an_error(gateway: Gateway, verb: str, path: str, method: Method) -> None:
    headers = {"authorization": "Bearer no-token"}
    answer = await gateway.rest.request(verb, path, headers=headers)
    if method.name != "GetJwks":
        assert answer.status_code == 401
    assert answer.headers.get_list("cache-control") == ["no-store"]


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/nowhere", "/healthz"])
async def test_no_cache_stores_the_gateways_own_responses(gateway: Gateway, path: str) -> None:
    assert (await gateway.rest.get(path)).headers.get_list("cache-control") == ["no-store"]


async def test_cache_headers_of_a_service_are_passed_on(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.get("/api/v1/images/cacheable/content", headers=ada)
    assert answer.headers.get_list("cache-control") == ["private, no-cache"]
    unchanged = await gateway.rest.get("/api/v1/images/cacheable/content", headers={**ada, "if-none-match": ETAG})
    assert (unchanged.status_code, unchanged.headers.get_list("cache-control")) == (304, ["private, no-cache"])


@pytest.mark.parametrize("path", ["/", "/docs", "/api/v1/openapi.json"])
async def test_pages_without_an_owner_are_revalidated(gateway: Gateway, path: str) -> None:
    assert (await gateway.rest.get(path)).headers.get_list("cache-control") == ["no-cache"]
