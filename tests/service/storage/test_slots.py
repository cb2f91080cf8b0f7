"""Who holds slots of storage, and for how long: nobody starves others, and least of all the mesh's own results."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from google.api.httpbody_pb2 import HttpBody
from prometheus_client import REGISTRY

from atelier.storage.v1.storage_pb2 import Asset, CreateAssetRequest, GetAssetContentRequest
from tests.service.storage.conftest import Client, Refusal, refusal, running, settings_for
from tests.support.s3 import S3Server
from tests.support.wait import eventually
from tests.unit.storage import pictures

DATA = pictures.png()
Sends = Callable[[], AsyncIterator[CreateAssetRequest]]


async def sends_nothing() -> AsyncIterator[CreateAssetRequest]:
    """Not even the first message."""
    await asyncio.Event().wait()
    yield CreateAssetRequest()


async def sends_a_byte_now_and_then() -> AsyncIterator[CreateAssetRequest]:
    for byte in DATA:
        yield CreateAssetRequest(file=HttpBody(data=bytes([byte])))
        await asyncio.sleep(0.05)  # the pace of the attack


async def sends_empty_messages() -> AsyncIterator[CreateAssetRequest]:
    while True:
        yield CreateAssetRequest(filename="a.png")
        await asyncio.sleep(0.01)


async def stops_half_way() -> AsyncIterator[CreateAssetRequest]:
    yield CreateAssetRequest(file=HttpBody(data=DATA[:20]))
    await asyncio.Event().wait()


SLOW = (sends_nothing, sends_a_byte_now_and_then, sends_empty_messages, stops_half_way)


def create(client: Client, requests: AsyncIterator[CreateAssetRequest]) -> Any:
    return client.stub.CreateAsset(requests, metadata=client.metadata, timeout=60)


async def refused(call: Any) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return refusal(caught.value)


async def ended_as_stalled(call: Any) -> bool:
    """Whether storage refused it so. By its count: a client of grpc.aio that is writing at that moment sees its own
    CANCELLED in place of the answer."""

    def count() -> float:
        return REGISTRY.get_sample_value("atelier_storage_uploads_total", {"result": "UPLOAD_STALLED"}) or 0

    before = count()
    with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
        await call
    return bool(await eventually(lambda: count() == before + 1))


async def has_no_slot(client: Client) -> bool:
    """An empty file is refused as soon as there is a slot for it."""
    return (await refused(client.upload(b""))).reason == "TOO_MANY_UPLOADS"


@asynccontextmanager
async def full(client: Client, slots: int, sends: Sends = sends_nothing) -> AsyncIterator[None]:
    """As many slow uploads of this caller as there are slots for."""
    calls = [create(client, sends()) for _ in range(slots)]

    async def all_taken() -> bool:
        for k, call in enumerate(calls):
            if call.done():  # it came while the look below held the slot
                calls[k] = create(client, sends())
        return await has_no_slot(client) and not any(call.done() for call in calls)

    try:
        await eventually(all_taken, 30, "all slots are taken")
        yield
    finally:
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


@pytest.mark.parametrize("sends", SLOW)
async def test_a_slow_upload_is_ended(s3_server: S3Server, tmp_path: Path, sends: Sends) -> None:
    settings = settings_for(s3_server, tmp_path, upload_idle_s=0.3, upload_min_bytes_per_s=2**20)
    async with running(s3_server, settings) as storage:
        assert await ended_as_stalled(create(storage.caller(), sends()))
        assert list(settings.spool_dir.iterdir()) == []
        assert (await storage.caller().upload(DATA)).sha256


async def test_an_upload_that_never_ends_is_ended(s3_server: S3Server, tmp_path: Path) -> None:
    async def fast() -> AsyncIterator[CreateAssetRequest]:
        yield CreateAssetRequest(file=HttpBody(data=DATA[:40]))
        while True:
            yield CreateAssetRequest(file=HttpBody(data=bytes(1000)))
            await asyncio.sleep(0.01)

    async with running(s3_server, settings_for(s3_server, tmp_path, upload_timeout_s=0.5)) as storage:
        assert await ended_as_stalled(create(storage.caller(), fast()))


async def test_one_callers_slow_uploads_stop_neither_others_nor_results(s3_server: S3Server, tmp_path: Path) -> None:
    settings = settings_for(s3_server, tmp_path, max_uploads=4, max_uploads_per_owner=3)
    async with running(s3_server, settings) as storage:
        async with full(storage.caller("mallory"), 3):
            answer = await refused(storage.caller("mallory").upload(DATA))
            assert (answer.code, answer.reason) == ("RESOURCE_EXHAUSTED", "TOO_MANY_UPLOADS")
            assert answer.retry_s > 0
            assert (await storage.caller("ada").upload(DATA)).sha256
            assert (await storage.worker("mallory").store(DATA)).sha256
        await eventually(lambda: takes(storage.caller("mallory")), timeout_s=30, what="the slots are free again")


async def test_all_callers_together_do_not_stop_results(s3_server: S3Server, tmp_path: Path) -> None:
    settings = settings_for(s3_server, tmp_path, max_uploads=2, max_uploads_per_owner=1)
    async with running(s3_server, settings) as storage:
        async with full(storage.caller("mallory"), 1), full(storage.caller("eve"), 1):
            assert await has_no_slot(storage.caller("ada"))
            stored = await asyncio.gather(*(storage.worker("ada").store(DATA, f"{k}") for k in range(5)))
        assert len({asset.id for asset in stored}) == 5
        await eventually(lambda: takes(storage.caller("ada")), timeout_s=30, what="a slot for her too")


async def test_results_have_an_end_too(s3_server: S3Server, tmp_path: Path) -> None:
    settings = settings_for(s3_server, tmp_path, max_result_uploads=2)
    async with running(s3_server, settings) as storage, full(storage.worker("ada"), 2):
        assert (await storage.caller("ada").upload(DATA)).sha256


async def takes(client: Client) -> bool:
    return not await has_no_slot(client)


async def stalled_reader(client: Client, asset: Asset) -> Any:
    """A download of which nothing is read but the first chunk."""
    call = client.stub.GetAssetContent(GetAssetContentRequest(id=asset.id), metadata=client.metadata)
    await call.read()
    return call


async def test_one_callers_stalled_downloads_stop_no_others(s3_server: S3Server, tmp_path: Path) -> None:
    data = pictures.noise_png(3000, 3000, b"much more than fits the buffers on the way")
    async with running(s3_server, settings_for(s3_server, tmp_path, max_downloads_per_owner=3)) as storage:
        mallory, ada = storage.caller("mallory"), storage.caller("ada")
        hers, his = await ada.upload(data), await mallory.upload(data)
        stalled = [await stalled_reader(mallory, his) for _ in range(3)]
        answer = await refused(mallory.content(his.id))
        assert (answer.code, answer.reason) == ("RESOURCE_EXHAUSTED", "TOO_MANY_DOWNLOADS")
        assert answer.retry_s > 0
        assert (await mallory.content(his.id, if_none_match=f'"{his.sha256}"')).headers["x-http-code"] == "304"
        assert (await ada.content(hers.id)).data == data
        assert (await storage.worker("mallory", reads=(his.id,)).content(his.id)).data == data
        for call in stalled:
            call.cancel()

        async def served() -> bool:
            try:
                return (await mallory.content(his.id)).data == data
            except grpc.aio.AioRpcError:
                return False

        await eventually(served, timeout_s=30, what="who left has given the slots back")
