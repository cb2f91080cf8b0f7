"""What a browser or another cache may keep of somebody's pictures and records."""

import base64
import hashlib
from collections.abc import Iterator

import httpx2
import pytest
from playwright.async_api import Page

from tests.mesh.clip import generate_clip
from tests.mesh.picture import generate
from tests.mesh.running_mesh import RunningMesh
from tests.mesh.seed import new_seed

in_the_browser = pytest.mark.asyncio(loop_scope="session")

PNG = base64.b64decode(
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

# What a page does: fetches with the key of whoever is signed in, and tells status and digest of what it got.
FETCH = """async ([url, key]) => {
  const answer = await fetch(url, {headers: {"X-Api-Key": key}});
  const digest = await crypto.subtle.digest("SHA-256", await answer.arrayBuffer());
  return [answer.status, Array.from(new Uint8Array(digest), b => b.toString(16).padStart(2, "0")).join("")];
}"""


@pytest.fixture(scope="module")
def person(mesh: RunningMesh) -> Iterator[httpx2.Client]:
    with mesh.client(mesh.key_of("cached")) as client:
        yield client


def test_content_is_revalidated_and_cached_for_its_credential_alone(person: httpx2.Client) -> None:
    image, video = generate(person, seed=new_seed(), steps=1), generate_clip(person, seed=new_seed(), steps=1)
    asset = person.post("/api/v1/assets", content=PNG, headers={"content-type": "image/png"}).json()
    urls = [output["content_url"] for output in (*image["outputs"], *video["outputs"])]
    urls += [video["links"]["frames"] + "/0", video["links"]["frames"] + "/0?format=JPEG&width_px=32"]
    urls += [asset["content_url"], f"/api/v1/assets/{image['outputs'][0]['asset_id']}/content"]
    for url in urls:
        whole = person.get(url)
        again = person.get(url, headers={"if-none-match": whole.headers["etag"]})
        assert (whole.status_code, again.status_code) == (200, 304)
        for answer in (whole, again):
            assert answer.headers["cache-control"] == "private, no-cache", url
            assert {"authorization", "x-api-key"} <= {v.strip() for v in answer.headers["vary"].lower().split(",")}
            assert answer.headers["etag"] == whole.headers["etag"]


def test_records_lists_and_errors_are_stored_by_no_cache(person: httpx2.Client) -> None:
    image = generate(person, seed=new_seed(), steps=1)
    paths = [
        image["links"]["self"], "/api/v1/images", "/api/v1/videos", "/api/v1/assets", "/api/v1/auth/keys",
        "/api/v1/models", "/api/v1/video-models", "/api/v1/system/status", "/api/v1/images/none",
        "/api/v1/images/none/content", image["links"]["events"], f"{image['links']['content']}?index=7",
    ]  # fmt: skip
    for path in paths:
        assert person.get(path).headers.get_list("cache-control") == ["no-store"], path
    unsatisfied = person.get(image["links"]["content"], headers={"range": "bytes=99999999-"})
    assert (unsatisfied.status_code, unsatisfied.headers["cache-control"]) == (416, "no-store")


def test_the_key_set_may_be_stored_by_every_cache(person: httpx2.Client) -> None:
    for path in ("/.well-known/jwks.json", "/api/v1/.well-known/jwks.json"):
        assert person.get(path).headers.get_list("cache-control") == ["public, max-age=300"]


@in_the_browser
async def test_the_next_person_at_a_browser_does_not_see_the_last_ones_picture(
    mesh: RunningMesh, page: Page, person: httpx2.Client
) -> None:
    image = generate(person, seed=new_seed(), steps=1)
    url, picture = image["links"]["content"], image["outputs"][0]["sha256"]
    hers, his = mesh.key_of("cached"), mesh.key_of("next-at-the-browser")
    await page.goto(f"{mesh.url}/healthz")
    assert await page.evaluate(FETCH, [url, hers]) == [200, picture]
    assert await page.evaluate(FETCH, [url, hers]) == [200, picture]
    assert (await page.evaluate(FETCH, [url, his]))[0] == 404
    assert await page.evaluate(FETCH, [url, hers]) == [200, picture]


@in_the_browser
async def test_a_browser_shows_a_picture_that_was_made_anew_and_none_that_is_gone(
    mesh: RunningMesh, page: Page, person: httpx2.Client
) -> None:
    image = generate(person, seed=new_seed(), steps=1)
    url, key = image["links"]["content"], mesh.key_of("cached")
    await page.goto(f"{mesh.url}/healthz")
    assert await page.evaluate(FETCH, [url, key]) == [200, image["outputs"][0]["sha256"]]
    changed = person.put(
        image["links"]["self"], json={"prompt": "a blue star", "steps": 1}, headers={"Prefer": "wait=60"}
    ).json()
    sha256 = changed["outputs"][0]["sha256"]
    assert sha256 != image["outputs"][0]["sha256"]
    assert sha256 == hashlib.sha256(person.get(url).content).hexdigest()
    assert await page.evaluate(FETCH, [url, key]) == [200, sha256]
    person.delete(image["links"]["self"])
    assert (await page.evaluate(FETCH, [url, key]))[0] == 404
