"""A page shows a picture, plays and seeks a clip and follows a job from signed URLs, in a real browser."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.async_api import Page

from atelier_client import AsyncClient
from tests.mesh.running_mesh import RunningMesh
from tests.support.wait import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

PICTURE: dict[str, Any] = {"prompt": "a red circle on a blue background", "seed": 1}
CLIP: dict[str, Any] = {"prompt": "a red ball moving right", "seed": 1, "container": "WEBM"}
WAIT = {"Prefer": "wait=60"}


@pytest.fixture
def owner(mesh: RunningMesh) -> Iterator[httpx2.Client]:
    """A user of the mesh."""
    with mesh.client(mesh.key_of("exhibitor")) as client:
        yield client


@pytest.fixture
def nobody(mesh: RunningMesh) -> Iterator[httpx2.Client]:
    """A caller without credentials."""
    with mesh.client("") as client:
        yield client


async def test_img_video_and_event_source_work_in_a_page(mesh: RunningMesh, owner: httpx2.Client, page: Page) -> None:
    image = owner.post("/api/v1/images/generate?signed_urls=true", json=PICTURE, headers=WAIT).json()
    video = owner.post("/api/v1/videos/generate?signed_urls=true", json=CLIP, headers=WAIT).json()
    picture, clip = image["outputs"][0]["content_url"], video["links"]["content"]
    script = """
    async ([picture, clip, events]) => {
      const image = new Image();
      image.src = picture;
      await image.decode();
      const video = document.createElement("video");
      video.muted = true;
      video.src = clip;
      document.body.append(image, video);
      await new Promise((resolve, reject) => { video.onloadeddata = resolve; video.onerror = reject; });
      video.currentTime = 1.5;
      await new Promise((resolve, reject) => { video.onseeked = resolve; video.onerror = reject; });
      const source = new EventSource(events);
      const event = await new Promise((resolve, reject) => { source.onmessage = resolve; });
      source.close();
      return [image.naturalWidth, video.videoWidth, video.currentTime, JSON.parse(event.data).job_id];
    }
    """
    await page.goto(f"{mesh.url}/api/v1/openapi.json")  # a page of the same origin
    width, clip_width, at_s, job_id = await page.evaluate(script, [picture, clip, image["links"]["events"]])
    assert (width, clip_width, at_s, job_id) == (image["outputs"][0]["width_px"], 128, 1.5, image["id"])


async def test_a_signed_url_opens_its_resource_with_ranges_and_nothing_else(
    owner: httpx2.Client, nobody: httpx2.Client
) -> None:
    video = owner.post("/api/v1/videos/generate", json=CLIP, headers=WAIT).json()
    other = owner.post("/api/v1/images/generate", json=PICTURE, headers=WAIT).json()
    assert "sig=" not in str((video, other))
    path = f"/api/v1/videos/{video['id']}"
    poster = next(o for o in owner.get(path, params={"signed_urls": True}).json()["outputs"] if o["role"] == "POSTER")
    url = urlsplit(poster["content_url"])
    signature = dict(pair.split("=") for pair in url.query.split("&"))["sig"]

    whole = nobody.get(poster["content_url"])
    assert (whole.status_code, whole.headers["content-type"]) == (200, "image/png")
    assert whole.headers["referrer-policy"] == "no-referrer"
    assert "public" not in whole.headers["cache-control"]
    part = nobody.get(poster["content_url"], headers={"Range": "bytes=0-7"})
    assert (part.status_code, part.content) == (206, whole.content[:8])
    assert nobody.get(poster["content_url"], headers={"If-None-Match": whole.headers["etag"]}).status_code == 304

    with_signature = {"sig": signature}
    for elsewhere in (
        f"{path}/content",
        f"{path}/content?role=CONTACT_SHEET",
        path,
        f"{path}/frames",
        f"{path}/frames/0",
        f"{path}/events",
        "/api/v1/videos",
        "/api/v1/events",
        "/api/v1/auth/keys",
        f"/api/v1/images/{other['id']}/content",
        f"/api/v1/assets/{poster['asset_id']}/content",
    ):
        refused = nobody.get(elsewhere, params=dict(httpx2.QueryParams(urlsplit(elsewhere).query)) | with_signature)
        assert refused.status_code == 403, elsewhere
    for verb in ("PUT", "DELETE", "POST"):
        assert nobody.request(verb, path, params=with_signature).status_code in (401, 405)
    assert owner.get(path).status_code == 200


async def test_lists_frames_and_assets_have_signed_urls_when_requested(
    owner: httpx2.Client, nobody: httpx2.Client
) -> None:
    video = owner.post("/api/v1/videos/generate", json=CLIP, headers=WAIT).json()
    signed = {"signed_urls": "true", "page_size": "2"}
    frame = owner.get(f"/api/v1/videos/{video['id']}/frames", params=signed).json()["frames"][1]
    asset = owner.get("/api/v1/assets", params=signed).json()["assets"][0]
    listed = owner.get("/api/v1/videos", params=signed).json()["videos"][0]
    for url in (frame["content_url"], frame["content_url"] + "&width_px=32", asset["content_url"]):
        assert nobody.get(url).status_code == 200
    assert nobody.get(listed["links"]["content"]).status_code == 200


async def test_a_signed_url_expires_with_the_key_of_its_signer(mesh: RunningMesh, nobody: httpx2.Client) -> None:
    with mesh.client(mesh.api_key) as admin:
        made = admin.post("/api/v1/auth/keys", json={"display_name": "short", "user_id": "lender"}).json()
    with mesh.client(made["api_key"]) as lender:
        lender.post("/api/v1/images/generate", json=PICTURE, headers=WAIT)
        url = lender.get("/api/v1/images?signed_urls=true").json()["images"][0]["links"]["content"]
        assert nobody.get(url).status_code == 200
        assert lender.delete(f"/api/v1/auth/keys/{made['key']['id']}").status_code == 200
    await eventually(lambda: nobody.get(url).status_code == 401, 30)


async def test_the_client_gives_urls_that_a_page_can_open(mesh: RunningMesh, nobody: httpx2.Client) -> None:
    async with AsyncClient(mesh.url, mesh.key_of("exhibitor")) as client:
        image = await client.generate(PICTURE["prompt"], seed=1)
        video = await client.generate_video(CLIP["prompt"], seed=1)
        assert nobody.get(await image.url()).content == await image.content()
        assert nobody.get(await video.url("POSTER", expires_in_s=60)).content == await video.poster()
