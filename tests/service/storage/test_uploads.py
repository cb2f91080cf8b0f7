"""Uploads that are taken, and what is kept of them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest
from google.api.httpbody_pb2 import HttpBody
from prometheus_client import REGISTRY

from atelier.storage.v1.storage_pb2 import Asset, CreateAssetRequest
from tests.service.storage.conftest import Storage, refusal
from tests.unit.storage import pictures


@pytest.mark.parametrize("chunk", [7, 4096, 2**20])
async def test_an_upload_returns_the_stored_asset(storage: Storage, chunk: int) -> None:
    data = pictures.png(31, 17)
    asset = await storage.caller().upload(data, chunk=chunk, filename="folder/red.png")
    assert (asset.filename, asset.content_type, asset.width_px, asset.height_px) == ("red.png", "image/png", 31, 17)
    assert (asset.size_bytes, asset.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (asset.source, asset.job_id) == (Asset.UPLOAD, "")
    assert asset.content_url == f"/api/v1/assets/{asset.id}/content"
    assert asset.create_time.seconds > 1_700_000_000
    assert await storage.caller().get(asset.id) == asset


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (pictures.jpeg(), "image/jpeg"),
        (pictures.webp(frames=3), "image/webp"),
        (pictures.gif(frames=3), "image/gif"),
        (pictures.mp4(), "video/mp4"),
        (pictures.webm(), "video/webm"),
    ],
)
async def test_the_type_is_detected_from_the_bytes_and_not_from_the_name(
    storage: Storage, data: bytes, content_type: str
) -> None:
    asset = await storage.caller().upload(data, filename="it.exe")
    assert asset.content_type == content_type
    assert (await storage.caller().content(asset.id)).data == data


async def test_the_first_message_may_carry_the_fields_alone(storage: Storage) -> None:
    async def requests() -> AsyncIterator[CreateAssetRequest]:
        yield CreateAssetRequest(filename="red.png")
        yield CreateAssetRequest(file=HttpBody(data=pictures.png(), content_type="text/plain"))

    caller = storage.caller()
    asset = await caller.stub.CreateAsset(requests(), metadata=caller.metadata, timeout=10)
    assert (asset.filename, asset.content_type) == ("red.png", "image/png")


async def test_equal_content_of_one_owner_is_stored_once(storage: Storage) -> None:
    ada, bob = storage.caller("ada"), storage.caller("bob")
    first, second = await ada.upload(pictures.png()), await ada.upload(pictures.png(), filename="again.png")
    assert first.id != second.id
    assert len(storage.keys()) == 1
    other = await bob.upload(pictures.png())
    assert len(storage.keys()) == 2
    await ada.delete(first.id)
    assert (await ada.content(second.id)).data == pictures.png()
    await ada.delete(second.id)
    assert len(storage.keys()) == 1
    assert (await bob.content(other.id)).data == pictures.png()


async def test_the_same_content_at_the_same_time_is_stored_once(storage: Storage) -> None:
    data = pictures.noise_png(200, 200, b"seed")
    stored = await asyncio.gather(*(storage.caller().upload(data, chunk=16384) for _ in range(8)))
    assert len({asset.id for asset in stored}) == 8
    assert len(storage.keys()) == 1
    for asset in stored:
        assert (await storage.caller().content(asset.id)).data == data


async def test_content_that_is_deleted_and_uploaded_at_once_is_never_lost(storage: Storage) -> None:
    data, ada = pictures.png(), storage.caller()

    async def come_and_go() -> None:
        for _ in range(8):
            await ada.delete((await ada.upload(data)).id)

    async def stay() -> list[str]:
        return [(await ada.upload(data)).id for _ in range(8)]

    async with asyncio.TaskGroup() as group:
        kept = group.create_task(stay())
        for _ in range(4):
            group.create_task(come_and_go())
    for asset_id in kept.result():
        assert (await ada.content(asset_id)).data == data
    assert len(storage.keys()) == 1


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"atelier_storage_{name}_total", labels) or 0


async def test_uploads_and_bytes_are_counted(storage: Storage) -> None:
    uploads = [("uploads", {"result": "OK"}), ("uploads", {"result": "EMPTY_FILE"})]
    series = [*uploads, ("bytes", {"direction": "in"}), ("bytes", {"direction": "out"})]
    before = [counted(name, **labels) for name, labels in series]
    asset = await storage.caller().upload(pictures.png())
    await storage.caller().content(asset.id, range="bytes=0-9")
    with pytest.raises(grpc.aio.AioRpcError):
        await storage.caller().upload(b"")
    after = [counted(name, **labels) for name, labels in series]
    assert [a - b for a, b in zip(after, before, strict=True)] == [1, 1, asset.size_bytes, 10]


async def test_a_services_upload_names_its_job(storage: Storage) -> None:
    asset = await storage.worker("ada", "job-1", 3).store(pictures.png())
    assert (asset.source, asset.job_id) == (Asset.JOB, "job-1")
    assert await storage.caller("ada").get(asset.id) == asset


@pytest.mark.parametrize("field", [{"job_id": "j"}, {"epoch": 1}, {"write_once_key": "k"}])
async def test_a_user_may_not_set_the_fields_of_services(storage: Storage, field: dict[str, Any]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await storage.caller().upload(pictures.png(), **field)
    assert refusal(caught.value).code == "PERMISSION_DENIED"
    assert storage.keys() == []


async def test_a_write_once_key_returns_the_first_asset_for_the_same_content(storage: Storage) -> None:
    worker = storage.worker()
    first = await worker.store(pictures.png())
    assert await worker.store(pictures.png()) == first
    assert len((await storage.caller().page()).assets) == 1


async def test_another_content_under_a_write_once_key_already_exists(storage: Storage) -> None:
    worker = storage.worker()
    await worker.store(pictures.png())
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await worker.store(pictures.png(colour="blue"))
    assert (refusal(caught.value).code, refusal(caught.value).reason) == ("ALREADY_EXISTS", "WRITE_ONCE_KEY_TAKEN")
    assert len(storage.keys()) == 1
    assert (await storage.worker("bob").store(pictures.png())).id


async def test_of_two_contents_at_once_under_one_key_one_wins(storage: Storage) -> None:
    colours = ("red", "green", "blue", "white")
    uploads = (storage.worker().store(pictures.png(colour=c)) for c in (*colours, *colours))
    answers = await asyncio.gather(*uploads, return_exceptions=True)
    won = [a for a in answers if isinstance(a, Asset)]
    lost = [refusal(a).code for a in answers if isinstance(a, grpc.aio.AioRpcError)]
    assert len({a.id for a in won}) == 1
    assert len(won) == 2
    assert lost == ["ALREADY_EXISTS"] * 6
    assert len(storage.keys()) == 1
