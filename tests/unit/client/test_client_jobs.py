"""Jobs and models of all kinds: the client's calls, and the command's."""

import json
from collections.abc import Iterator

import pytest
from tests.unit.client.atelier_command import Atelier
from tests.unit.client.small_mesh import SmallMesh

from atelier.jobs.v1 import job_pb2
from atelier_client import Client, RetryPolicy, UnreachableKindsError


@pytest.fixture
def client(small_mesh: SmallMesh, hasty: RetryPolicy) -> Iterator[Client]:
    """A client of a mesh that has three jobs: an image, a video, an image."""
    with Client.over_grpc(small_mesh.address, small_mesh.api_key, retry=hasty) as client:
        client.generate("a circle", wait=False)
        client.generate_video("a ball", wait=False)
        client.generate("a square", wait=False)
        yield client


def test_jobs_of_all_kinds_are_listed_over_pages_and_filtered(client: Client) -> None:
    assert {job.id for job in client.jobs.list()} == {"image-0", "image-1", "video-0"}
    assert [(job.id, job.kind_name) for job in client.jobs.list(kinds=["video"])] == [("video-0", "video")]
    assert len(list(client.jobs.list(limit=2))) == 2
    client.jobs.cancel("image-0")
    assert [job.id for job in client.jobs.list(states=["canceled"])] == ["image-0"]
    with pytest.raises(ValueError, match="none of QUEUED"):
        list(client.jobs.list(states=["done"]))


def test_a_job_is_found_watched_and_removed_whatever_its_kind(client: Client) -> None:
    for job_id in ("image-0", "video-0"):
        job = client.jobs.get(job_id)
        assert (job.state, job.kind_name) == ("QUEUED", job_id.partition("-")[0])
        assert job_id in repr(job)
        assert list(client.jobs.watch(job_id))[-1].generation_progress.terminal
        assert job.wait().state == "SUCCEEDED"
        client.jobs.delete(job_id)
    assert [job.id for job in client.jobs.list()] == ["image-1"]


def test_a_list_that_is_incomplete_raises_after_what_came(client: Client, small_mesh: SmallMesh) -> None:
    small_mesh.jobs.unreachable = ["video"]
    small_mesh.models.unreachable = ["image"]
    found = client.jobs.list()
    assert [next(found).id, next(found).id] == ["image-1", "image-0"]
    with pytest.raises(UnreachableKindsError, match="video") as caught:
        next(found)
    assert (caught.value.code, caught.value.kinds) == ("UNAVAILABLE", ("video",))
    models = client.models()
    assert next(models).id == "demo-clips"
    with pytest.raises(UnreachableKindsError, match="image"):
        next(models)


@pytest.mark.usefixtures("client")
def test_the_command_lists_jobs_and_reports_what_is_missing(atelier: Atelier, small_mesh: SmallMesh) -> None:
    rows = [line.split("\t")[:3] for line in atelier("jobs").stdout.splitlines()]
    assert sorted(rows) == [
        ["image-0", "image", "QUEUED"],
        ["image-1", "image", "QUEUED"],
        ["video-0", "video", "QUEUED"],
    ]
    only = atelier("jobs", "--kind", "video", "--state", "queued", "--json")
    assert [job["id"] for job in json.loads(only.stdout)] == ["video-0"]
    small_mesh.jobs.unreachable = ["video"]
    done = atelier("jobs")
    assert len(done.stdout.splitlines()) == 2
    assert (done.returncode, "unavailable: video (KINDS_UNREACHABLE)" in done.stderr) == (3, True)


def test_a_submit_has_a_priority_and_a_parent(client: Client, small_mesh: SmallMesh) -> None:
    client.generate("a part", wait=False, priority="low", parent_id="video-0")
    client.generate_video("another", wait=False, priority="HIGH", parent_id="image-0")
    image, video = small_mesh.images.requests[-1], small_mesh.videos.requests[-1]
    assert (image.priority, image.parent_id) == (job_pb2.LOW, "video-0")
    assert (video.priority, video.parent_id) == (job_pb2.HIGH, "image-0")
    with pytest.raises(ValueError, match="none of LOW, NORMAL, HIGH"):
        client.generate("x", priority="urgent")


def test_the_command_submits_with_a_priority_and_a_parent(atelier: Atelier, small_mesh: SmallMesh) -> None:
    words = ("a part", "--no-wait", "--priority", "low", "--parent", "video-7")
    assert (atelier("generate", *words).returncode, atelier("video", *words).returncode) == (0, 0)
    for request in (small_mesh.images.requests[-1], small_mesh.videos.requests[-1]):
        assert (request.priority, request.parent_id) == (job_pb2.LOW, "video-7")
    refused = atelier("generate", "x", "--priority", "urgent")
    assert (refused.returncode, "'urgent' is none of LOW, NORMAL, HIGH" in refused.stderr) == (2, True)


def test_the_command_lists_the_models_of_one_kind(atelier: Atelier) -> None:
    listed = atelier("models", "--kind", "video").stdout.splitlines()
    assert [line.split("\t")[0] for line in listed] == ["demo-clips"]
