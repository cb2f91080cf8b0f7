"""Jobs of every kind through the gateway: one list, and each job by its id, whichever service is asked."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.mesh.clip import generate_clip
from tests.mesh.picture import generate
from tests.mesh.running_mesh import RunningMesh
from tests.mesh.story import events_of, payload

PATHS = {"image": "/api/v1/images/generate", "video": "/api/v1/videos/generate"}
LONG: dict[str, Any] = {"prompt": "a red ball moving right", "width_px": 64, "height_px": 64, "steps": 200}
# Calls are spread over the services: so many reach each of them.
ROUNDS = 4

both = pytest.mark.parametrize("kind", PATHS)


@pytest.fixture
def ada(mesh: RunningMesh) -> Any:
    """A client of a user who has nothing yet."""
    with mesh.client(mesh.key_of(f"user-{uuid.uuid4().hex[:12]}")) as client:
        yield client


def submit(client: httpx2.Client, kind: str, **parameters: Any) -> dict[str, Any]:
    """A job that has begun, or waits."""
    answer = client.post(PATHS[kind], json=LONG | parameters)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    return job


def canceled(client: httpx2.Client, kind: str) -> str:
    """The id of a job that was asked to stop."""
    job = submit(client, kind)
    assert client.post(f"/api/v1/jobs/{job['id']}/cancel", json={}).status_code == 200
    return str(job["id"])


def page(client: httpx2.Client, **params: Any) -> dict[str, Any]:
    """A page of all kinds, none of which is missing."""
    answer = client.get("/api/v1/jobs", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["unreachable"] == []
    return found


def reason_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["details"][0]["reason"]


def test_pages_hold_jobs_of_all_kinds_once_and_newest_first_while_others_come_and_go(ada: httpx2.Client) -> None:
    ids = [canceled(ada, kind) for kind in ("image", "video", "video", "image", "image", "video", "image")]
    first = page(ada, page_size=2)
    assert [job["id"] for job in first["jobs"]] == [ids[6], ids[5]]
    canceled(ada, "video")
    assert ada.delete(f"/api/v1/jobs/{ids[2]}").status_code == 200
    found, token = first["jobs"], first["next_page_token"]
    while token:
        more = page(ada, page_size=2, page_token=token)
        found += more["jobs"]
        token = more["next_page_token"]
    assert [job["id"] for job in found] == [ids[n] for n in (6, 5, 4, 3, 1, 0)]
    assert [job["kind"] for job in found] == ["image", "video", "image", "image", "video", "image"]


def test_a_list_is_filtered_by_kinds_and_states(ada: httpx2.Client) -> None:
    drawn = generate(ada, width_px=64, height_px=64, steps=2)["id"]
    image, video = canceled(ada, "image"), canceled(ada, "video")
    for _ in range(ROUNDS):
        assert [job["id"] for job in page(ada, kinds="video")["jobs"]] == [video]
        assert [job["id"] for job in page(ada, kinds=["video", "image"], states="SUCCEEDED")["jobs"]] == [drawn]
        ended = page(ada, states=["SUCCEEDED", "CANCELED", "CANCELING"])["jobs"]
        assert [job["id"] for job in ended] == [video, image, drawn]
        assert page(ada, states="FAILED") == {"jobs": [], "next_page_token": "", "unreachable": []}


def test_a_job_is_the_same_from_its_own_kind_and_among_all(ada: httpx2.Client) -> None:
    image = generate(ada, width_px=64, height_px=64, steps=2)
    clip = generate_clip(ada, width_px=64, height_px=64, steps=2, frames=4)
    for record, kind in ((image, "image"), (clip, "video")):
        for _ in range(ROUNDS):
            job = ada.get(f"/api/v1/jobs/{record['id']}").json()
            assert job.pop("kind") == kind
            links = job.pop("links")
            assert links == {name: record["links"][name] for name in ("self", "events", "cancel")}
            assert (job.pop("priority"), job.pop("parent_id"), job.pop("labels")) == ("NORMAL", "", {})
            assert job.pop("progress")["fraction"] == record["progress"]["fraction"] == 1
            assert job == {name: record[name] for name in job}
            assert ada.get(links["self"]).json()["id"] == record["id"]


@both
def test_a_job_is_stopped_and_removed_by_its_id(ada: httpx2.Client, kind: str) -> None:
    for _ in range(ROUNDS):
        job = submit(ada, kind)
        stopped = ada.post(f"/api/v1/jobs/{job['id']}/cancel", json={})
        assert stopped.json()["state"] in ("CANCELING", "CANCELED")
        *_, last = events_of(ada, f"/api/v1/jobs/{job['id']}/events")
        assert payload(last)["state"] == "CANCELED"
        assert ada.post(f"/api/v1/jobs/{job['id']}/cancel", json={}).json()["state"] == "CANCELED"
        assert ada.delete(f"/api/v1/jobs/{job['id']}").status_code == 200
        assert reason_of(ada.delete(f"/api/v1/jobs/{job['id']}")) == (404, "JOB_NOT_FOUND")
        assert ada.get(job["links"]["self"]).status_code == 404


@both
def test_concurrent_cancels_and_deletes_remove_a_job_without_an_error(ada: httpx2.Client, kind: str) -> None:
    job = submit(ada, kind)
    path = f"/api/v1/jobs/{job['id']}"
    with ThreadPoolExecutor(12) as pool:
        stops = [pool.submit(ada.post, f"{path}/cancel", json={}) for _ in range(6)]
        removals = [pool.submit(ada.delete, path) for _ in range(6)]
        assert {call.result().status_code for call in stops} <= {200, 404}
        assert {call.result().status_code for call in removals} <= {200, 404}
    assert reason_of(ada.get(path)) == (404, "JOB_NOT_FOUND")


@both
def test_another_owners_job_is_like_one_that_never_existed(ada: httpx2.Client, mesh: RunningMesh, kind: str) -> None:
    job = canceled(ada, kind)
    never = str(uuid.uuid4())
    with mesh.client(mesh.key_of("bob")) as bob:
        for _ in range(ROUNDS):
            for verb, path in (("GET", ""), ("POST", "/cancel"), ("DELETE", ""), ("GET", "/events")):
                body: dict[str, Any] | None = {} if verb == "POST" else None
                refused, unknown = (bob.request(verb, f"/api/v1/jobs/{name}{path}", json=body) for name in (job, never))
                assert reason_of(refused) == reason_of(unknown) == (404, "JOB_NOT_FOUND"), (verb, path)
        assert job not in [found["id"] for found in page(bob, page_size=100)["jobs"]]
    assert ada.get(f"/api/v1/jobs/{job}").status_code == 200


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"kinds": "sculpture"}, "UNKNOWN_KIND"),
        ({"states": "STATE_UNSPECIFIED"}, "INVALID_FIELD"),
        ({"states": "BROKEN"}, "INVALID_REQUEST"),
        ({"page_size": -1}, "INVALID_FIELD"),
        ({"page_token": "nonsense"}, "INVALID_FIELD"),
        ({"colour": "red"}, "INVALID_REQUEST"),
    ],
)
def test_a_list_of_what_is_not_there_is_refused(ada: httpx2.Client, params: dict[str, Any], reason: str) -> None:
    for _ in range(ROUNDS):
        assert reason_of(ada.get("/api/v1/jobs", params=params)) == (400, reason)


def test_a_page_token_belongs_to_its_filters(ada: httpx2.Client) -> None:
    for _ in range(2):
        canceled(ada, "image")
    token = page(ada, page_size=1, kinds="image")["next_page_token"]
    for _ in range(ROUNDS):
        assert len(page(ada, page_size=1, kinds="image", page_token=token)["jobs"]) == 1
        refused = ada.get("/api/v1/jobs", params={"page_size": 1, "page_token": token})
        assert reason_of(refused) == (400, "INVALID_FIELD")


@both
def test_events_resume_and_end_whichever_service_sends_them(ada: httpx2.Client, kind: str) -> None:
    job = canceled(ada, kind)
    path = f"/api/v1/jobs/{job}/events"
    list(events_of(ada, path))
    for _ in range(ROUNDS):
        numbers = [event["seq"] for event in events_of(ada, path, after_seq=0)]
        assert numbers == list(range(1, len(numbers) + 1))
        with ada.stream("GET", path, headers={"Accept": "text/event-stream", "Last-Event-ID": "1"}) as stream:
            assert stream.headers["cache-control"] == "no-store"
            ids = [line.removeprefix("id: ") for line in stream.iter_lines() if line.startswith("id: ")]
        assert ids == [str(number) for number in numbers[1:]]
        seen = {"Accept": "text/event-stream", "Last-Event-ID": str(numbers[-1])}
        assert ada.get(path, headers=seen).status_code == 204
        assert reason_of(ada.get(path, headers={"Last-Event-ID": "x"})) == (400, "INVALID_FIELD")
        assert ada.head(path).status_code == 200
        assert ada.head(path.replace(job, "none")).status_code == 404


@both
def test_signed_urls_open_the_events_and_nothing_else(ada: httpx2.Client, mesh: RunningMesh, kind: str) -> None:
    job = canceled(ada, kind)
    list(events_of(ada, f"/api/v1/jobs/{job}/events"))
    path = f"/api/v1/jobs/{job}/events"
    (signed,) = ada.post("/api/v1/auth/signed-urls", json={"urls": [path]}).json()["urls"]
    own = page(ada, signed_urls=True)["jobs"][0]["links"]["events"]
    assert ada.get(f"/api/v1/jobs/{job}", params={"signed_urls": True}).json()["links"]["events"] == own
    with mesh.client("") as nobody:
        for _ in range(ROUNDS):
            for url in (signed, own):
                *_, last = events_of(nobody, url)
                assert payload(last)["terminal"]
        elsewhere = signed.replace("/events", "")
        assert nobody.get(elsewhere).status_code in (401, 403)


def test_models_of_all_kinds_are_one_catalogue(ada: httpx2.Client) -> None:
    for _ in range(ROUNDS):
        models = ada.get("/api/v1/models").json()
        assert models["unreachable"] == []
        assert {model["kind"] for model in models["models"]} == {"image", "video"}
        assert [model["id"] for model in models["models"] if model["is_default"]] == ["demo-image", "demo-video"]
        clips = ada.get("/api/v1/models", params={"kind": "video"}).json()["models"]
        assert clips == [model for model in models["models"] if model["kind"] == "video"]
        alias = ada.get("/api/v1/video-models").json()["models"]
        assert [model["id"] for model in alias] == [model["id"] for model in clips]
        for model in models["models"]:
            assert ada.get(f"/api/v1/models/{model['id']}").json() == model
        assert reason_of(ada.get("/api/v1/models/none")) == (404, "MODEL_NOT_FOUND")
        assert reason_of(ada.get("/api/v1/models", params={"kind": "sculpture"})) == (400, "UNKNOWN_KIND")
        assert ada.post("/api/v1/models/demo-video/load", json={}).status_code == 403


def test_pages_of_models_go_through_all_kinds(ada: httpx2.Client) -> None:
    whole = [model["id"] for model in ada.get("/api/v1/models").json()["models"]]
    found, token = [], ""
    while True:
        some = ada.get("/api/v1/models", params={"page_size": 1, "page_token": token}).json()
        found += [model["id"] for model in some["models"]]
        token = some["next_page_token"]
        if not token:
            break
    assert found == whole


def test_an_administrator_loads_a_model_of_any_kind(client: httpx2.Client) -> None:
    for model in ("demo-image", "demo-video"):
        for _ in range(ROUNDS):
            answer = client.post(f"/api/v1/models/{model}/load", json={})
            assert answer.status_code == 202, answer.text
            assert answer.headers["location"] == f"/api/v1/models/{model}"
            assert answer.json()["id"] == model


@both
def test_a_job_has_a_priority_a_parent_of_any_kind_and_labels(ada: httpx2.Client, kind: str) -> None:
    parent = canceled(ada, "video" if kind == "image" else "image")
    for _ in range(ROUNDS):
        params = {"priority": "LOW", "parent_id": parent}
        answer = ada.post(PATHS[kind], json=LONG | {"metadata": {"shelf": "left"}}, params=params)
        assert answer.status_code == 202, answer.text
        child = ada.post(f"/api/v1/jobs/{answer.json()['id']}/cancel", json={}).json()
        assert (child["priority"], child["parent_id"], child["labels"]) == ("LOW", parent, {"shelf": "left"})
    usual = ada.get(f"/api/v1/jobs/{parent}").json()
    assert (usual["priority"], usual["parent_id"], usual["labels"]) == ("NORMAL", "", {})
    parts = page(ada, parent_id=parent)["jobs"]
    assert (len(parts), {part["parent_id"] for part in parts}) == (ROUNDS, {parent})
    assert page(ada, parent_id=parent, page_size=1)["next_page_token"]
    token = page(ada, parent_id=parent, page_size=1)["next_page_token"]
    assert ada.get("/api/v1/jobs", params={"page_token": token}).status_code == 400


@both
def test_a_parent_that_is_not_the_callers_is_not_found_and_nothing_is_recorded(
    ada: httpx2.Client, mesh: RunningMesh, kind: str
) -> None:
    with mesh.client(mesh.key_of("bob")) as bob:
        others = canceled(bob, kind)
    for parent in (others, str(uuid.uuid4())):
        refused = ada.post(PATHS[kind], json=LONG, params={"parent_id": parent})
        assert reason_of(refused) == (404, "PARENT_NOT_FOUND")
    assert page(ada)["jobs"] == []


@both
def test_the_highest_priority_is_for_administrators(ada: httpx2.Client, client: httpx2.Client, kind: str) -> None:
    refused = ada.post(PATHS[kind], json=LONG, params={"priority": "HIGH"})
    assert reason_of(refused) == (403, "PRIORITY_RESERVED")
    urgent = client.post(PATHS[kind], json=LONG, params={"priority": "HIGH"})
    assert urgent.status_code == 202
    assert client.post(f"/api/v1/jobs/{urgent.json()['id']}/cancel", json={}).json()["priority"] == "HIGH"
    token = client.post("/api/v1/auth/token", json={}).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert ada.post(PATHS[kind], json=LONG, params={"priority": "HIGH"}, headers=bearer).status_code == 403
    assert ada.post(PATHS[kind], json=LONG, params={"priority": "URGENT"}).status_code == 400


def test_labels_follow_new_parameters(ada: httpx2.Client) -> None:
    image = ada.post(PATHS["image"], json=LONG | {"metadata": {"shelf": "left"}}).json()["id"]
    assert ada.put(f"/api/v1/images/{image}", json=LONG | {"metadata": {"shelf": "right"}}).status_code == 202
    assert ada.post(f"/api/v1/jobs/{image}/cancel", json={}).json()["labels"] == {"shelf": "right"}
