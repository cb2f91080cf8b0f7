"""The API processes at rest."""

import asyncio
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.nats import NatsServer
from tests.support.s3 import free_ports


@pytest.mark.parametrize("program", ["atelier_image.main", "atelier_video.main"])
async def test_an_api_process_is_small(nats_server: NatsServer, tmp_path: Path, program: str) -> None:
    (port,) = free_ports(1)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        program,
        stdout=asyncio.subprocess.PIPE,
        env={
            "ATELIER_LISTEN": f"127.0.0.1:{port}",
            "ATELIER_DATABASE_URL": f"sqlite:///{tmp_path / 'jobs.db'}",
            "ATELIER_NATS_URL": nats_server.url,
            "ATELIER_QUEUE_STATUS_S": "0.1",
        },
    )
    try:
        assert process.stdout is not None
        said = b""
        while b"serving" not in said:
            said = await asyncio.wait_for(process.stdout.readline(), 30)
            assert said, "it ended"
        resident_bytes = psutil.Process(process.pid).memory_info().rss
        assert resident_bytes < 150_000_000
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
