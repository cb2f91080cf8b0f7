"""The client over gRPC, asynchronous and blocking, against services of the contract."""

from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest
from tests.unit.client.small_mesh import SmallMesh, picture

from atelier_client import AsyncClient, AtelierApiError, CannotReachError, Client, JobFailedError, RetryPolicy


def _client(mesh: SmallMesh, hasty: RetryPolicy) -> Client:
    return Client.over_grpc(mesh.address, mesh.api_key, retry=hasty)


def _async_client(mesh: SmallMesh, hasty: RetryPolicy) -> AsyncClient:
    return AsyncClient.over_grpc(mesh.address, mesh.api_key, retry=hasty)


def test_a_prompt_becomes_a_file(small_mesh: SmallMesh, hasty: RetryPolicy, tmp_path: Path) -> None:
    with _client(small_mesh, hasty) as client:
        image = client.generate("a red circle", steps=20, seed=1)
        saved = image.save(tmp_path / "out.png")
        assert client.content(image.id) == saved.read_bytes() == picture(image.id, 0)
    assert (image.state, image.parameters.steps) == ("SUCCEEDED", 20)


async def test_the_same_without_blocking(small_mesh: SmallMesh, hasty: RetryPolicy, tmp_path: Path) -> None:
    async with _async_client(small_mesh, hasty) as client:
        image = await client.generate("a red circle", count=2)
        paths = await image.save_all(tmp_path / "out.png")
    assert [path.name for path in paths] == ["out-0.png", "out-1.png"]
    assert paths[1].read_bytes() == picture(image.id, 1)


def test_lists_go_on_over_pages(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    with _client(small_mesh, hasty) as client:
        for number in range(5):
            client.generate(f"{number}", wait=number % 2 == 0)
        assert [image.parameters.prompt for image in client.images.list()] == ["4", "3", "2", "1", "0"]
        assert [image.parameters.prompt for image in client.images.list(limit=3)] == ["4", "3", "2"]
        assert [image.parameters.prompt for image in client.images.list(state="queued")] == ["3", "1"]
        with pytest.raises(ValueError, match="none of QUEUED"):
            list(client.images.list(state="done"))


def test_an_image_is_watched_to_its_end_and_resumed_where_it_broke(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    small_mesh.images.break_streams = 2
    with _client(small_mesh, hasty) as client:
        image = client.generate("x", wait=False)
        events = list(image.watch())
        assert image.refresh().finished
    assert [event.seq for event in events] == [1, 2, 2, 2, 3]
    assert events[-1].generation_progress.terminal
    assert small_mesh.images.watched_after == [None, 2, 2]


def test_waiting_follows_the_image_when_the_submit_does_not(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    with _client(small_mesh, hasty) as client:
        assert client.generate("x", wait=False).wait().state == "SUCCEEDED"


async def test_waiting_ends_in_time_with_the_image_as_it_stands(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    small_mesh.images.hold = True
    async with _async_client(small_mesh, hasty) as client:
        image = await (await client.generate("x", wait=False)).wait(timeout_s=0.05)
        assert image.state == "QUEUED"
        assert (await image.cancel()).state == "CANCELED"
        with pytest.raises(JobFailedError, match="cancelled"):
            await image.wait()


def test_a_failed_image_raises_its_reason(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    small_mesh.images.fail = True
    with _client(small_mesh, hasty) as client, pytest.raises(JobFailedError) as caught:
        client.generate("x")
    assert (caught.value.reason, caught.value.message) == ("OUT_OF_MEMORY", "the model does not fit")


def test_every_event_comes_once_though_the_stream_broke(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    with _client(small_mesh, hasty) as client:
        assert [event.cursor for event in islice(client.events(), 3)] == ["1", "2", "3"]
    assert small_mesh.events.after == ["", "2"]


def test_images_are_changed_cancelled_and_deleted(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    with _client(small_mesh, hasty) as client:
        image = client.generate("x")
        assert client.images.update(image.id, "y", steps=3).parameters.steps == 3
        assert client.cancel(image.id).state == "CANCELED"
        client.images.delete(image.id)
        with pytest.raises(AtelierApiError) as caught:
            client.images.get(image.id)
    assert (caught.value.code, caught.value.reason) == ("NOT_FOUND", "IMAGE_NOT_FOUND")


def test_keys_models_files_tokens_and_status(small_mesh: SmallMesh, hasty: RetryPolicy, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"0123456789" * 100_000)
    with _client(small_mesh, hasty) as client:
        made = client.keys.create("laptop")
        assert [key.display_name for key in client.keys.list()] == ["laptop"]
        client.keys.revoke(made.key.id)
        assert list(client.keys.list()) == []
        assert [model.id for model in client.models()] == ["demo", "demo-clips"]
        assert [model.id for model in client.models(kind="video")] == ["demo-clips"]
        assert client.load_model("demo").state == client.model("demo").state
        client.unload_model("demo")
        asset = client.upload(file)
        assert (asset.filename, asset.size_bytes) == ("a.png", 1_000_000)
        assert client.assets.content(asset.id) == file.read_bytes()
        assert [found.id for found in client.assets.list()] == [asset.id]
        client.assets.delete(asset.id)
        assert client.token().token_type == "Bearer"
        assert client.status().workers[0].model_ids == ["demo"]


def test_a_refusal_names_the_field(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    with _client(small_mesh, hasty) as client, pytest.raises(AtelierApiError) as caught:
        client.generate("x", steps=150_000)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert dict(caught.value.fields) == {"steps": "at most 200"}
    assert len(small_mesh.images.metadata) == 1


def test_a_wrong_key_is_refused(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    with Client.over_grpc(small_mesh.address, "wrong", retry=hasty) as client:
        with pytest.raises(AtelierApiError) as caught:
            client.status()
        assert caught.value.code == "UNAUTHENTICATED"
        with pytest.raises(AtelierApiError, match="API key"):
            list(client.watch("i"))


def test_an_unreachable_server_is_an_error(hasty: RetryPolicy) -> None:
    refusal = pytest.raises(CannotReachError, match=r"cannot reach 127\.0\.0\.1:1")
    with Client.over_grpc("127.0.0.1:1", "k", retry=hasty) as client, refusal as caught:
        client.status()
    assert not caught.value.delivered


def test_an_unknown_parameter_never_leaves(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    with _client(small_mesh, hasty) as client, pytest.raises(TypeError, match="did you mean 'width_px'"):
        client.generate("x", width=64)  # type: ignore[call-arg]
    assert small_mesh.images.metadata == []


def test_a_call_of_a_closed_client_is_an_error(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    client = _client(small_mesh, hasty)
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.status()


def test_closing_ends_what_another_thread_waits_for(small_mesh: SmallMesh, hasty: RetryPolicy) -> None:
    small_mesh.images.hold = True
    with _client(small_mesh, hasty) as client, ThreadPoolExecutor(1) as other:
        image = client.generate("x", wait=False)
        watching = image.watch()
        next(watching)
        waiting = other.submit(list, watching)
        client.close()
        with pytest.raises(RuntimeError, match="closed"):
            waiting.result(timeout=10)


def test_the_blocking_methods_show_the_docstrings_of_the_asynchronous_ones() -> None:
    assert Client.generate.__doc__ == AsyncClient.generate.__doc__
