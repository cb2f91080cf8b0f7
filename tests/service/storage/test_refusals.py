"""Uploads that are refused, quickly and without a trace."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.api.httpbody_pb2 import HttpBody

from atelier.storage.v1.storage_pb2 import CreateAssetRequest
from atelier.storage.v1.storage_pb2_grpc import StorageServiceStub
from tests.service.storage.conftest import SIGNER, Refusal, Storage, refusal
from tests.support.wait import eventually
from tests.unit.storage import pictures

GARBAGE = pictures.no_pictures() | {"a PNG bomb": pictures.bomb_png(), "a GIF bomb": pictures.bomb_gif()}


async def refused(storage: Storage, data: bytes, **fields: Any) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await storage.caller().upload(data, **fields)
    assert storage.keys() == []
    assert list((await storage.caller().page()).assets) == []
    return refusal(caught.value)


@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage_is_refused_with_the_field_named_and_nothing_stored(storage: Storage, name: str) -> None:
    answer = await refused(storage, GARBAGE[name], filename="cat.png")
    assert (answer.code, answer.fields) == ("INVALID_ARGUMENT", ("file",))
    assert answer.reason == ("TOO_MANY_PIXELS" if "bomb" in name else "NOT_A_PICTURE")
    assert "/" not in answer.message  # no path


async def test_an_empty_file_is_refused(storage: Storage) -> None:
    answer = await refused(storage, b"")
    assert (answer.code, answer.reason, answer.fields) == ("INVALID_ARGUMENT", "EMPTY_FILE", ("file",))


async def test_an_upload_without_a_message_is_refused(storage: Storage) -> None:
    async def nothing() -> AsyncIterator[CreateAssetRequest]:
        messages: list[CreateAssetRequest] = []
        for message in messages:
            yield message

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await storage.caller().stub.CreateAsset(nothing(), metadata=storage.caller().metadata, timeout=10)
    assert refusal(caught.value).reason == "EMPTY_FILE"


async def test_a_field_that_breaks_a_rule_is_named(storage: Storage) -> None:
    assert (await refused(storage, pictures.png(), filename="x" * 201)).fields == ("filename",)


async def test_an_upload_that_is_no_picture_is_refused_within_50_ms_before_its_end(storage: Storage) -> None:
    caller = storage.caller()
    await caller.upload(pictures.png())  # the first call opens the connection
    told = asyncio.Event()

    async def endless() -> AsyncIterator[CreateAssetRequest]:
        yield CreateAssetRequest(file=HttpBody(data=b"\x80\x04" + bytes(8000)), filename="model.png")
        await told.wait()

    times = []
    for _ in range(5):
        started = time.perf_counter()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await caller.stub.CreateAsset(endless(), metadata=caller.metadata, timeout=10)
        times.append(time.perf_counter() - started)
        assert refusal(caught.value).reason == "NOT_A_PICTURE"
    told.set()
    assert min(times) < 0.05, times


def send_101_mib(address: str) -> tuple[Refusal, int]:
    """What the service answers, and how many MiB were sent until then.

    With the synchronous client: the asynchronous one, refused while it sends, may lose the status that it was told.
    """
    sent = 0

    def requests() -> Iterator[CreateAssetRequest]:
        nonlocal sent
        yield CreateAssetRequest(file=HttpBody(data=pictures.png()))
        for sent in range(1, 301):  # noqa: B007 - read at the end
            yield CreateAssetRequest(file=HttpBody(data=bytes(2**20)))

    with grpc.insecure_channel(address) as channel:
        stub: Any = StorageServiceStub(channel)  # type: ignore[arg-type] # the stub's types know aio only
        with pytest.raises(grpc.RpcError) as caught:
            stub.CreateAsset(requests(), metadata=SIGNER.metadata(), timeout=60)
    return refusal(caught.value), sent


async def test_a_stream_over_the_limit_is_cut_off_where_it_goes_over(storage: Storage) -> None:
    answer, sent_mib = await asyncio.to_thread(send_101_mib, storage.address)
    assert (answer.code, answer.reason) == ("RESOURCE_EXHAUSTED", "UPLOAD_TOO_LARGE")
    assert 100 <= sent_mib < 120
    assert storage.keys() == []


async def test_an_upload_that_is_aborted_leaves_nothing(storage: Storage) -> None:
    data, caller = pictures.noise_png(600, 600, b"x"), storage.caller()
    sent = asyncio.Event()

    async def requests() -> AsyncIterator[CreateAssetRequest]:
        yield CreateAssetRequest(file=HttpBody(data=data[: len(data) // 2]))
        sent.set()
        await asyncio.Event().wait()

    call = caller.stub.CreateAsset(requests(), metadata=caller.metadata)
    await sent.wait()
    await eventually(lambda: _spooled() > 0, what="a spooled file")
    call.cancel()
    await eventually(lambda: _spooled() == 0, what="the spooled file is gone")
    assert storage.keys() == []
    assert list((await caller.page()).assets) == []
    assert list(storage.settings.spool_dir.iterdir()) == []


def _spooled() -> int:
    """Open files of this process that have no name and hold something: uploads under way."""
    files = [f for f in Path("/proc/self/fd").iterdir() if f.exists() or f.is_symlink()]
    count = 0
    for file in files:
        try:
            target = str(file.readlink())
            count += "/spool/" in target and "(deleted)" in target and file.stat().st_size > 0
        except FileNotFoundError:
            continue  # closed meanwhile
    return count
