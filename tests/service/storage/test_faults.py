"""S3 dies, hangs and comes late; the process is killed; large files go through a small process."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
import psutil
import pytest
from google.api.httpbody_pb2 import HttpBody
from grpc_health.v1 import health_pb2, health_pb2_grpc
from minio import Minio

from atelier.storage.v1.storage_pb2 import CreateAssetRequest
from atelier_storage.settings import StorageSettings
from tests.service.storage.conftest import SIGNER, Refusal, Storage, refusal, running, settings_for
from tests.support.s3 import S3Server, running_s3
from tests.support.wait import eventually
from tests.unit.storage import pictures

DATA = pictures.noise_png(900, 900, b"seed")
# What the process may grow by while a file of 90 MiB goes in and out.
MAX_GROWTH_BYTES = 60 * 2**20


@pytest.fixture
def own_s3() -> Iterator[S3Server]:
    """A server that this test may kill."""
    with running_s3() as server:
        yield server


async def is_serving(storage: Storage, serving: bool = True) -> bool:
    stub = health_pb2_grpc.HealthStub(storage.channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
    return bool((answer.status == health_pb2.HealthCheckResponse.SERVING) == serving)


def assert_unavailable(answer: Refusal) -> None:
    assert (answer.code, answer.reason) == ("UNAVAILABLE", "BLOB_STORE_UNAVAILABLE")
    assert answer.retry_s > 0
    assert "Traceback" not in answer.message
    assert "127.0.0.1" not in answer.message


async def test_s3_killed_in_the_middle_of_an_upload_is_unavailable_until_it_is_back(
    own_s3: S3Server, tmp_path: Path
) -> None:
    async with running(own_s3, settings_for(own_s3, tmp_path)) as storage:
        await eventually(lambda: is_serving(storage), what="SERVING")
        before = await storage.caller().upload(pictures.png())

        async def requests() -> AsyncIterator[CreateAssetRequest]:
            yield CreateAssetRequest(file=HttpBody(data=DATA[: len(DATA) // 2]))
            await asyncio.to_thread(own_s3.kill)
            yield CreateAssetRequest(file=HttpBody(data=DATA[len(DATA) // 2 :]))

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await storage.caller().stub.CreateAsset(requests(), metadata=storage.caller().metadata, timeout=30)
        assert_unavailable(refusal(caught.value))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await storage.caller().content(before.id)
        assert_unavailable(refusal(caught.value))
        assert [a.id for a in (await storage.caller().page()).assets] == [before.id]  # what needs no S3 goes on

        await asyncio.to_thread(own_s3.start)
        after = await storage.caller().upload(DATA)
        assert (await storage.caller().content(after.id)).data == DATA
        assert (await storage.caller().content(before.id)).data == pictures.png()
        await eventually(lambda: is_serving(storage), timeout_s=30, what="SERVING again")


async def test_s3_that_hangs_is_unavailable_and_not_waited_for_without_end(own_s3: S3Server, tmp_path: Path) -> None:
    async with running(own_s3, settings_for(own_s3, tmp_path, s3_timeout_s=0.5)) as storage:
        await eventually(lambda: is_serving(storage), what="SERVING")
        own_s3.pause()
        try:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await storage.caller().upload(DATA)
        finally:
            own_s3.resume()
        assert_unavailable(refusal(caught.value))
        assert (await storage.caller().upload(DATA)).size_bytes == len(DATA)


async def test_s3_may_come_up_after_the_service(own_s3: S3Server, tmp_path: Path) -> None:
    own_s3.kill()
    async with running(own_s3, settings_for(own_s3, tmp_path)) as storage:
        await eventually(lambda: is_serving(storage, False), what="NOT_SERVING")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await storage.caller().upload(DATA)
        assert_unavailable(refusal(caught.value))
        await asyncio.to_thread(own_s3.start)
        await eventually(lambda: is_serving(storage), timeout_s=30, what="SERVING")
        assert (await storage.caller().upload(DATA)).size_bytes == len(DATA)


async def test_what_was_stored_is_there_after_a_kill_and_nothing_of_what_was_under_way(
    s3_server: S3Server, tmp_path: Path
) -> None:
    settings = settings_for(s3_server, tmp_path)
    async with process_of(settings) as (storage, process):
        kept = await storage.caller().upload(DATA)
        sent = asyncio.Event()

        async def requests() -> AsyncIterator[CreateAssetRequest]:
            yield CreateAssetRequest(file=HttpBody(data=pictures.png()[:20]))
            sent.set()
            await asyncio.Event().wait()

        call = storage.caller().stub.CreateAsset(requests(), metadata=storage.caller().metadata)
        await sent.wait()
        process.kill()
        with pytest.raises(grpc.aio.AioRpcError):
            await call
    assert list(settings.spool_dir.iterdir()) == []
    async with process_of(settings) as (storage, _):
        assert [a.id for a in (await storage.caller().page()).assets] == [kept.id]
        assert (await storage.caller().content(kept.id)).data == DATA
        assert len(storage.keys()) == 1


async def test_memory_stays_flat_while_90_mib_go_in_and_out(
    s3_server: S3Server, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    data = pictures.noise_png(5600, 5610, b"seed of a large picture")
    assert 89 * 2**20 < len(data) < 100 * 2**20
    async with process_of(settings_for(s3_server, tmp_path)) as (storage, process):
        small = await storage.caller().upload(DATA)  # warms everything up
        assert (await storage.caller().content(small.id)).data == DATA
        async with watched(process.pid) as peak:
            asset = await storage.caller().upload(data)
            assert (await storage.caller().content(asset.id)).data == data
        growth = peak.bytes - peak.start_bytes
        record_property("start_mib", peak.start_bytes >> 20)
        record_property("growth_mib", growth >> 20)
        assert growth < MAX_GROWTH_BYTES, f"{peak.start_bytes >> 20} MiB grew by {growth >> 20} MiB"
        assert len(storage.keys()) == 2


class Peak:
    """The most memory that a process had."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.start_bytes = self.bytes = self._process.memory_info().rss

    async def watch(self) -> None:
        while True:
            self.bytes = max(self.bytes, self._process.memory_info().rss)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def watched(pid: int) -> AsyncIterator[Peak]:
    peak = Peak(pid)
    task = asyncio.create_task(peak.watch())
    try:
        yield peak
    finally:
        task.cancel()


@asynccontextmanager
async def process_of(settings: StorageSettings) -> AsyncIterator[tuple[Storage, asyncio.subprocess.Process]]:
    """The service as a process of its own."""
    secret = settings.s3_secret_key.get_secret_value()
    fields = settings.model_dump(mode="json") | {"s3_secret_key": secret}
    environment = {f"ATELIER_{name.upper()}": str(value) for name, value in fields.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.service.storage.process", json.dumps(await SIGNER.jwks()),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=os.environ | environment,
    )  # fmt: skip
    minio = Minio(settings.s3_endpoint, settings.s3_access_key, secret, secure=False, region=settings.s3_region)
    try:
        assert process.stdout is not None
        line = b"-"
        while line and not line.startswith(b"listening at "):
            line = await process.stdout.readline()
        address = line.decode().split()[-1]
        async with grpc.aio.insecure_channel(address) as channel:
            storage = Storage(address, channel, minio, settings)
            await eventually(lambda: is_serving(storage), what="SERVING")
            await eventually(lambda: minio.bucket_exists(settings.s3_bucket), what="the bucket")
            yield storage, process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.communicate(), 20)
        minio._http.clear()
