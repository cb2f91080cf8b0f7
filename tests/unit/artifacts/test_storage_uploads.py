"""How long storage gets for a file."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio

from atelier.storage.v1 import storage_pb2, storage_pb2_grpc
from atelier_artifacts.adapters.storage import JobStorage, Upload


class Clock(storage_pb2_grpc.StorageServiceServicer):
    """Storage that takes nothing in, and notes how long it would have had."""

    left_s: float | None = None

    async def CreateAsset(self, request_iterator: AsyncIterator[Any], context: Any) -> storage_pb2.Asset:
        async for _ in request_iterator:
            pass
        self.left_s = context.time_remaining()
        return storage_pb2.Asset(id="a")


async def _time_for(content: bytes | Path) -> float:
    server = grpc.aio.server()
    clock = Clock()  # type: ignore[abstract] # nothing else is asked of it
    storage_pb2_grpc.add_StorageServiceServicer_to_server(clock, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await JobStorage(channel).store(
                Upload(
                    job_id="0197", epoch=1, write_once_key="k", filename="f.mp4", content_type="video/mp4",
                    content=content,
                ),
                "a token that nobody looks at",
            )  # fmt: skip
    finally:
        await server.stop(None)
    assert clock.left_s is not None
    return clock.left_s


async def test_a_large_file_gets_more_time_than_a_small_one(tmp_path: Path) -> None:
    large = tmp_path / "clip.mp4"
    large.write_bytes(bytes(30_000_000))
    assert 50 < await _time_for(b"small") < 61
    assert 70 < await _time_for(large) < 91
