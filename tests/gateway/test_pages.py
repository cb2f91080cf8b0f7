"""The pages that the gateway serves: `/`, and `/docs` in a real browser."""

import json
from dataclasses import dataclass, field

import pytest
from playwright.async_api import ConsoleMessage, Page, Request, expect

from tests.gateway.mesh import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")

_WAIT_MS = 60_000


@dataclass
class Seen:
    """What a page asked for, and what it complained of."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Notes everything from now on."""

        def complain(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                self.complaints.append(message.text)

        def ask(request: Request) -> None:
            self.requests.append(request.url)

        page.on("console", complain)
        page.on("request", ask)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


async def _opened(gateway: Gateway, page: Page) -> Seen:
    seen = Seen()
    seen.watch(page)
    await page.goto(f"{gateway.url}/docs")
    await page.locator("#operations-ImageService-generateImage").wait_for(timeout=_WAIT_MS)
    return seen


async def test_the_page_shows_every_operation_and_loads_from_no_other_host(gateway: Gateway, page: Page) -> None:
    seen = await _opened(gateway, page)

    document = json.loads(gateway.settings.openapi.read_text("utf-8"))
    count = sum(len(verbs) for verbs in document["paths"].values())
    await expect(page.locator(".opblock")).to_have_count(count, timeout=_WAIT_MS)
    assert seen.complaints == []
    assert f"{gateway.url}/api/v1/openapi.json" in seen.requests
    assert [url for url in seen.requests if not url.startswith((f"{gateway.url}/", "data:"))] == []


async def test_a_pasted_key_tries_a_call(gateway: Gateway, page: Page) -> None:
    seen = await _opened(gateway, page)

    await page.locator("button.authorize").click()
    form = page.locator(".auth-container", has_text="X-Api-Key")
    await form.locator("input").fill("atl_ada_secret")
    await form.locator("button[type=submit]").click()
    await form.locator("button.btn-done").click()
    operation = page.locator("#operations-ImageService-generateImage")
    await operation.locator(".opblock-summary-control").click()
    await operation.locator("button.execute").click()

    status = operation.locator(".live-responses-table .response .response-col_status")
    await expect(status).to_contain_text("202", timeout=_WAIT_MS)
    assert seen.complaints == []


async def test_a_key_does_not_outlive_its_page(gateway: Gateway, page: Page) -> None:
    await _opened(gateway, page)
    await page.locator("button.authorize").click()
    form = page.locator(".auth-container", has_text="X-Api-Key")
    await form.locator("input").fill("atl_ada_secret")
    await form.locator("button[type=submit]").click()

    kept = await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert "atl_ada_secret" not in kept


async def test_the_index_is_html_for_a_browser_and_json_for_other_clients(gateway: Gateway, page: Page) -> None:
    plain = await gateway.rest.get("/")
    seen = Seen()
    seen.watch(page)
    await page.goto(f"{gateway.url}/")

    assert plain.json()["documentation"] == "/docs"
    assert plain.headers["vary"] == "accept"
    assert seen.complaints == []
    links = await page.locator("a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    for path in {*links, *(plain.json()[name] for name in ("documentation", "openapi", "signing_keys", "health"))}:
        assert (await gateway.rest.get(path)).status_code == 200, path


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_pages_have_a_strict_policy(gateway: Gateway, path: str) -> None:
    answer = await gateway.rest.get(path, headers={"accept": "text/html"})

    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_only_a_url_with_a_version_may_be_cached(gateway: Gateway) -> None:
    page = await gateway.rest.get("/docs")
    for line in page.text.splitlines():
        for path in (piece for piece in line.split('"') if piece.startswith("/")):
            answer = await gateway.rest.get(path)
            assert answer.status_code == 200, path
            assert ("immutable" in answer.headers["cache-control"]) == ("/docs/5." in path), path


async def test_a_page_with_a_slash_at_its_end_is_found(gateway: Gateway) -> None:
    # No redirect: the gateway does not know how a proxy before it is reached.
    assert (await gateway.rest.get("/docs/")).text == (await gateway.rest.get("/docs")).text


@pytest.mark.parametrize(
    "path", ["/docs/../api/v1/images", "/docs/nope.js", "/docs/5.31.0/", "/docs/..%2fatelier.binpb"]
)
async def test_nothing_else_is_served_below_the_pages(gateway: Gateway, path: str) -> None:
    assert (await gateway.rest.get(path)).status_code in (400, 401)


async def test_the_head_of_a_page_is_there(gateway: Gateway) -> None:
    answer = await gateway.rest.head("/docs")

    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) > 0
    assert answer.content == b""
