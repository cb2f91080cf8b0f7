"""The Python client against the whole mesh: asynchronous and blocking, over REST and over gRPC."""

import asyncio
import io
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from PIL import Image

from atelier.events.v1.events_pb2 import Event
from atelier_client import AsyncClient, AtelierApiError, Client
from tests.mesh.clip import difference, frames_of, pixels_of
from tests.mesh.picture import colour_at
from tests.mesh.running_mesh import RunningMesh
from tests.mesh.seed import new_seed

OVER = ["rest", "grpc"]


@pytest.fixture(params=OVER)
def atelier(request: pytest.FixtureRequest, mesh: RunningMesh) -> Iterator[Client]:
    """A blocking client, over each transport in turn."""
    if request.param == "rest":
        opened = Client(mesh.url, mesh.api_key)
    else:
        opened = Client.over_grpc(mesh.grpc_address, mesh.api_key)
    with opened as client:
        yield client


@pytest.fixture(params=OVER)
async def atelier_async(request: pytest.FixtureRequest, mesh: RunningMesh) -> AsyncIterator[AsyncClient]:
    """An asynchronous client, over each transport in turn."""
    if request.param == "rest":
        opened = AsyncClient(mesh.url, mesh.api_key)
    else:
        opened = AsyncClient.over_grpc(mesh.grpc_address, mesh.api_key)
    async with opened as client:
        yield client


def test_a_prompt_becomes_a_picture_that_shows_it(atelier: Client, tmp_path: Path) -> None:
    image = atelier.generate("a red circle on a blue background", steps=20, seed=1)
    saved = image.save(tmp_path / "out.png").read_bytes()
    assert colour_at(saved, 0.5, 0.5) == "red"
    assert colour_at(saved, 0.02, 0.02) == "blue"
    assert (image.state, image.parameters.seed, len(image.trace_id)) == ("SUCCEEDED", 1, 32)


async def test_the_same_without_blocking(atelier_async: AsyncClient) -> None:
    image = await atelier_async.generate("a red circle on a blue background", steps=20, seed=1, output_format="WEBP")
    data = await image.content()
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.format == "WEBP"
    assert data == await atelier_async.content(image.id)


def test_rest_and_grpc_know_the_same_images(mesh: RunningMesh) -> None:
    with Client(mesh.url, mesh.api_key) as rest, Client.over_grpc(mesh.grpc_address, mesh.api_key) as grpc:
        made = rest.generate("a green star on a white background", metadata={"shop": "7"})
        assert grpc.images.get(made.id).message == made.message
        assert next(grpc.images.list()).id == made.id
        assert grpc.content(made.id) == rest.content(made.id)


def test_an_image_is_watched_from_its_snapshot_to_its_end(atelier: Client) -> None:
    image = atelier.generate("a yellow square on a green background", seed=new_seed(), wait=False)
    events = list(image.watch())
    kept = [event.seq for event in events if event.HasField("snapshot") or event.generation_progress.terminal]
    assert events[0].HasField("snapshot")
    assert events[-1].generation_progress.terminal
    assert sorted(kept) == kept
    finished = image.refresh()
    assert finished.finished
    assert events[-1].seq == finished.message.seq


def test_events_up_to_after_seq_are_not_delivered_again(atelier: Client) -> None:
    image = atelier.generate("a yellow square on a green background", seed=new_seed())
    all_of_it = [event.seq for event in atelier.watch(image.id, after_seq=0)]
    assert sorted(set(all_of_it)) == all_of_it == list(range(1, image.message.seq + 1))
    assert [event.seq for event in atelier.watch(image.id, after_seq=1)] == all_of_it[1:]
    (end,) = atelier.watch(image.id, after_seq=image.message.seq)
    assert end.snapshot.terminal


async def test_every_event_of_the_caller_is_delivered(atelier_async: AsyncClient) -> None:
    listening = asyncio.Event()
    told: asyncio.Queue[Event] = asyncio.Queue()

    async def listen() -> None:
        async for event in atelier_async.events(types=["generation.progress"], heartbeats=True):
            listening.set()
            await told.put(event)

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        listener = tasks.create_task(listen())
        await listening.wait()
        image = await atelier_async.generate("a red circle on a blue background", seed=new_seed())
        while True:
            event = await told.get()
            if event.job_id == image.id and event.generation_progress.terminal:
                break
        listener.cancel()


def test_a_prompt_becomes_a_clip_with_its_frames(atelier: Client, tmp_path: Path) -> None:
    video = atelier.generate_video("a red ball moving right", seed=1, steps=4)
    clip = video.save(tmp_path / "out.mp4").read_bytes()
    assert len(frames_of(clip)) == 16
    assert clip == video.content()
    assert [frame.index for frame in video.frames()] == list(range(16))
    assert difference(pixels_of(video.frame(8)), pixels_of(video.poster())) == 0
    assert pixels_of(video.save_frame(tmp_path / "small.png", 0, width_px=64).read_bytes()).shape == (64, 64, 3)
    with Image.open(io.BytesIO(video.contact_sheet())) as opened:
        assert opened.format == "JPEG"
    with pytest.raises(AtelierApiError) as caught:
        video.frame(16)
    assert caught.value.code == "NOT_FOUND"
    assert next(atelier.videos.list()).message == video.message
    video.delete()
    with pytest.raises(AtelierApiError) as caught:
        atelier.videos.get(video.id)
    assert caught.value.code == "NOT_FOUND"


def test_a_running_video_is_watched_and_cancelled(atelier: Client) -> None:
    video = atelier.generate_video("a red ball moving right", seed=new_seed(), steps=200, wait=False)
    for event in video.watch():
        if event.generation_progress.progress.done:
            break
    video.cancel()
    assert list(video.watch())[-1].seq == video.refresh().message.seq
    assert video.refresh().state == "CANCELED"


def test_a_running_image_is_cancelled(atelier: Client) -> None:
    image = atelier.generate("a red circle on a blue background", seed=new_seed(), steps=200, count=8, wait=False)
    image.cancel()
    assert list(image.watch())[-1].seq == image.refresh().message.seq
    assert image.refresh().state == "CANCELED"


def test_a_new_set_of_parameters_is_a_new_revision(atelier: Client) -> None:
    image = atelier.generate("a red circle on a blue background", seed=new_seed())
    changed = atelier.images.update(image.id, "a blue circle on a red background", seed=new_seed()).wait()
    assert (changed.id, changed.message.revision) == (image.id, image.message.revision + 1)
    assert colour_at(changed.content(), 0.5, 0.5) == "blue"


def test_a_deleted_image_is_gone(atelier: Client) -> None:
    image = atelier.generate("a red circle on a blue background", seed=new_seed())
    image.delete()
    with pytest.raises(AtelierApiError) as caught:
        atelier.images.get(image.id)
    assert caught.value.code == "NOT_FOUND"


def test_a_key_makes_an_image_once(atelier: Client) -> None:
    key, seed = str(uuid.uuid4()), new_seed()
    first = atelier.generate("a red circle on a blue background", seed=seed, idempotency_key=key)
    again = atelier.generate("a red circle on a blue background", seed=seed, idempotency_key=key)
    assert again.id == first.id
    with pytest.raises(AtelierApiError) as caught:
        atelier.generate("another prompt", seed=seed, idempotency_key=key)
    assert caught.value.code == "ALREADY_EXISTS"


def test_a_wrong_value_is_refused_naming_the_field(atelier: Client) -> None:
    with pytest.raises(AtelierApiError) as caught:
        atelier.generate("x", steps=150_000)
    assert (caught.value.code, list(caught.value.fields)) == ("INVALID_ARGUMENT", ["steps"])


@pytest.mark.parametrize("over", OVER)
def test_a_wrong_key_is_refused(mesh: RunningMesh, over: str) -> None:
    wrong = "atl_nobody_nothing"
    opened = Client(mesh.url, wrong) if over == "rest" else Client.over_grpc(mesh.grpc_address, wrong)
    with opened as client:
        with pytest.raises(AtelierApiError) as caught:
            client.generate("x")
        assert caught.value.code == "UNAUTHENTICATED"
        with pytest.raises(AtelierApiError) as caught:
            next(client.events())
        assert caught.value.code == "UNAUTHENTICATED"


def test_a_key_of_its_own_works_until_it_is_revoked(atelier: Client, mesh: RunningMesh) -> None:
    made = atelier.keys.create("client test", expires_in_s=600)
    assert made.key.id in [key.id for key in atelier.keys.list()]
    with Client(mesh.url, made.api_key) as other:
        assert other.token().token_type == "Bearer"
        atelier.keys.revoke(made.key.id)
    assert made.key.id not in [key.id for key in atelier.keys.list()]


def test_an_upload_comes_back_as_it_went(atelier: Client, tmp_path: Path) -> None:
    file = tmp_path / "my picture.png"
    Image.effect_noise((1200, 900), 80).save(file)  # more than one message over gRPC
    asset = atelier.upload(file)
    assert (asset.filename, asset.content_type, asset.width_px) == ("my picture.png", "image/png", 1200)
    assert atelier.assets.content(asset.id) == file.read_bytes()
    assert asset.id in [found.id for found in atelier.assets.list(limit=20)]
    atelier.assets.delete(asset.id)


def test_what_is_no_picture_is_not_stored(atelier: Client, tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(b"\x80\x04 a pickle at best")
    with pytest.raises(AtelierApiError) as caught:
        atelier.upload(file)
    assert caught.value.code == "INVALID_ARGUMENT"


def test_models_and_status_are_returned(atelier: Client) -> None:
    atelier.generate("a red circle on a blue background", seed=1)
    default = next(atelier.models())
    assert default.is_default
    assert atelier.model(default.id).id == default.id
    status = atelier.status()
    assert sorted(worker.kind for worker in status.workers) == ["image", "video", "workflow"]
    assert status.host_memory_total_bytes > 0
