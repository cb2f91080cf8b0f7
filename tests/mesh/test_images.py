"""Pictures through REST: accepted, made, listed, changed, stopped, removed."""

import io
import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from PIL import Image

from tests.mesh.picture import colour_at, content, generate
from tests.mesh.running_mesh import RunningMesh
from tests.mesh.seed import new_seed
from tests.mesh.story import events_of, payload, until_progress

GENERATE = "/api/v1/images/generate"


def test_a_prompt_becomes_a_picture_that_shows_it(client: httpx2.Client) -> None:
    image = generate(client, "a red circle on a blue background", seed=1)
    picture = content(client, image)
    with Image.open(io.BytesIO(picture)) as opened:
        opened.load()
        assert opened.format == "PNG"
        assert opened.size == (256, 256)
        assert "a red circle" in json.dumps({k: str(v) for k, v in opened.info.items()})
    assert colour_at(picture, 0.5, 0.5) == "red"
    assert {colour_at(picture, x, y) for x in (0.02, 0.98) for y in (0.02, 0.98)} == {"blue"}


def test_a_submit_is_accepted_with_links_and_an_echo_of_every_parameter(client: httpx2.Client) -> None:
    answer = client.post(GENERATE, json={"prompt": "a green star on a white background", "metadata": {"shop": "7"}})
    assert answer.status_code == 202
    image = answer.json()
    assert image["state"] == "QUEUED"
    assert image["links"]["self"] == f"/api/v1/images/{image['id']}"
    assert answer.headers["location"] == image["links"]["self"]
    echo = image["parameters"]
    assert echo["metadata"] == {"shop": "7"}
    assert {"model", "width_px", "height_px", "steps", "guidance_scale", "seed", "scheduler", "count"} <= echo.keys()
    assert len(image["trace_id"]) == 32


def test_sending_the_echo_again_makes_the_same_bytes_from_the_cache(client: httpx2.Client) -> None:
    first = generate(client, "a yellow square on a green background", seed=new_seed())
    assert not first["cached"]
    again = client.post(GENERATE, json=first["parameters"])
    assert again.status_code == 200
    assert again.json()["cached"]
    assert again.json()["id"] != first["id"]
    assert content(client, again.json()) == content(client, first)


def test_the_same_seed_makes_the_same_bytes_also_when_nothing_is_cached(mesh: RunningMesh) -> None:
    seed = new_seed()
    pictures = []
    for user in ("twin-a", "twin-b"):  # the cache is per owner
        with mesh.client(mesh.key_of(user)) as client:
            image = generate(client, seed=seed)
            assert not image["cached"]
            pictures.append(content(client, image))
    assert pictures[0] == pictures[1]


def test_each_of_several_pictures_can_be_made_again_alone(client: httpx2.Client) -> None:
    seed = new_seed()
    several = generate(client, seed=seed, count=3)
    assert [o["seed"] for o in several["outputs"]] == [(seed + k) % 2**32 for k in range(3)]
    alone = generate(client, seed=several["outputs"][2]["seed"])
    assert content(client, alone) == content(client, several, 2)
    assert client.get(several["outputs"][0]["content_url"].replace("index=0", "index=5")).status_code == 404


@pytest.mark.parametrize("output_format", ["PNG", "WEBP", "JPEG"])
def test_pictures_have_the_requested_format(client: httpx2.Client, output_format: str) -> None:
    image = generate(client, seed=new_seed(), output_format=output_format, steps=4)
    answer = client.get(image["outputs"][0]["content_url"])
    assert answer.headers["content-type"] == f"image/{output_format.lower()}"
    with Image.open(io.BytesIO(answer.content)) as opened:
        assert opened.format == output_format


@pytest.mark.parametrize("scheduler", ["DDIM", "EULER", "EULER_ANCESTRAL", "DPMPP_2M"])
def test_every_scheduler_makes_the_picture(client: httpx2.Client, scheduler: str) -> None:
    image = generate(client, seed=3, scheduler=scheduler)
    picture = content(client, image)
    assert colour_at(picture, 0.02, 0.02) == "blue"
    assert colour_at(picture, 0.5, 0.5) == "red"


def test_content_has_an_etag_and_takes_ranges(client: httpx2.Client) -> None:
    image = generate(client, seed=1)
    url = image["outputs"][0]["content_url"]
    whole = client.get(url)
    etag = whole.headers["etag"]
    assert whole.headers["accept-ranges"] == "bytes"
    unchanged = client.get(url, headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    part = client.get(url, headers={"Range": "bytes=10-19"})
    assert part.status_code == 206
    assert part.content == whole.content[10:20]
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    beyond = client.get(url, headers={"Range": "bytes=99999999-"})
    assert beyond.status_code == 416


def test_images_are_listed_newest_first_in_pages_and_by_state(mesh: RunningMesh) -> None:
    with mesh.client(mesh.key_of("lister")) as client:
        ids = [generate(client, seed=new_seed(), steps=1)["id"] for _ in range(3)]
        first = client.get("/api/v1/images", params={"page_size": 2}).json()
        assert [i["id"] for i in first["images"]] == ids[:0:-1]
        second = client.get("/api/v1/images", params={"page_size": 2, "page_token": first["next_page_token"]}).json()
        assert [i["id"] for i in second["images"]] == ids[:1]
        assert second["next_page_token"] == ""
        assert len(client.get("/api/v1/images", params={"state": "SUCCEEDED"}).json()["images"]) == 3
        assert client.get("/api/v1/images", params={"state": "FAILED"}).json()["images"] == []
        assert client.get("/api/v1/images", params={"page_token": "rubbish"}).status_code == 400


def test_two_submits_with_one_idempotency_key_make_one_job_also_at_the_same_time(client: httpx2.Client) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"prompt": "a red heart on a white background", "steps": 2}
    barrier = threading.Barrier(6)

    def submit(_: int) -> httpx2.Response:
        barrier.wait()
        return client.post(GENERATE, json=body, headers=headers)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(submit, range(6)))
    assert {a.status_code for a in answers} <= {200, 202}
    assert len({a.json()["id"] for a in answers}) == 1
    other = client.post(GENERATE, json={**body, "steps": 3}, headers=headers)
    assert other.status_code == 409
    assert other.json()["details"][0]["reason"] == "IDEMPOTENCY_KEY_REUSED"


def _running(client: httpx2.Client, **parameters: Any) -> dict[str, Any]:
    """An image whose first step is done."""
    image = client.post(GENERATE, json={"prompt": "a blue star", "seed": new_seed(), **parameters}).json()
    until_progress(client, image)
    return dict(image)


def test_cancel_stops_a_running_image_and_is_idempotent(client: httpx2.Client) -> None:
    image = _running(client, steps=200)
    for _ in range(2):
        answer = client.post(image["links"]["cancel"], json={})
        assert answer.status_code == 200
    assert payload(list(events_of(client, image["links"]["events"]))[-1])["state"] == "CANCELED"
    assert client.get(image["links"]["self"]).json()["progress"]["step"] < 200


def test_put_makes_a_finished_image_anew_under_the_same_id(client: httpx2.Client) -> None:
    image = generate(client, "a red circle on a blue background", seed=new_seed())
    before = content(client, image)
    changed = client.put(
        image["links"]["self"], json={"prompt": "a yellow circle on a green background"}, headers={"Prefer": "wait=60"}
    )
    assert changed.status_code in (200, 202)
    with client.stream("GET", image["links"]["events"]) as events:
        assert [line for line in events.iter_lines() if line]
    done = client.get(image["links"]["self"]).json()
    assert (done["id"], done["revision"], done["state"]) == (image["id"], 2, "SUCCEEDED")
    assert content(client, done) != before
    assert colour_at(content(client, done), 0.02, 0.02) == "green"


def test_put_stops_a_running_attempt(client: httpx2.Client) -> None:
    image = _running(client, steps=200)
    assert client.put(image["links"]["self"], json={"prompt": "a red circle on a blue background"}).status_code == 202
    with client.stream("GET", image["links"]["events"]) as events:
        assert [line for line in events.iter_lines() if line]
    done = client.get(image["links"]["self"]).json()
    assert (done["revision"], done["state"]) == (2, "SUCCEEDED")
    assert colour_at(content(client, done), 0.02, 0.02) == "blue"


def test_a_deleted_image_is_gone_with_its_files(client: httpx2.Client) -> None:
    image = generate(client, seed=new_seed())
    asset = image["outputs"][0]["asset_id"]
    assert client.get(f"/api/v1/assets/{asset}").status_code == 200
    assert client.delete(image["links"]["self"]).status_code == 200
    assert client.get(image["links"]["self"]).status_code == 404
    assert client.get(image["outputs"][0]["content_url"]).status_code == 404
    for _ in range(100):
        if client.get(f"/api/v1/assets/{asset}").status_code == 404:
            break
    else:
        raise AssertionError("its file is still there")


def test_an_image_of_another_owner_is_404_exactly_like_a_missing_one(mesh: RunningMesh, client: httpx2.Client) -> None:
    image = generate(client, seed=1)
    with mesh.client(mesh.key_of("stranger")) as stranger:
        never = "/api/v1/images/01890000-0000-7000-8000-000000000000"
        for suffix in ("", "/content", "/events"):
            theirs, nothing = stranger.get(image["links"]["self"] + suffix), stranger.get(never + suffix)
            assert theirs.status_code == 404
            assert theirs.text.replace(image["id"], "ID") == nothing.text.replace(never.rpartition("/")[2], "ID")
        assert stranger.post(image["links"]["cancel"], json={}).status_code == 404
        assert stranger.delete(image["links"]["self"]).status_code == 404
        assert stranger.put(image["links"]["self"], json={"prompt": "mine now"}).status_code == 404
    assert client.get(image["links"]["self"]).json()["state"] == "SUCCEEDED"
