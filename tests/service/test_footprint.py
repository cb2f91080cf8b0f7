"""The API processes at rest."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

import atelier_image.schemas
import atelier_video.schemas
from atelier_service.migrations.schema import Schema
from atelier_service.migrations.upgrade import upgrade
from tests.support.nats import NatsServer
from tests.support.s3 import free_ports


@pytest.mark.parametrize(
    ("program", "schemas"),
    [("atelier_image.main", atelier_image.schemas.SCHEMAS), ("atelier_video.main", atelier_video.schemas.SCHEMAS)],
)
async def test_an_api_process_is_small(
    nats_server: NatsServer, tmp_path: Path, program: str, schemas: Sequence[Schema]
) -> None:
    database_url = f"sqlite:///{tmp_path / 'jobs.db'}"
    await upgrade(database_url, schemas)
    (port,) = free_ports(1)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        program,
        stdout=asyncio.subprocess.PIPE,
        env={
            "ATELIER_LISTEN": f"127.0.0.1:{port}",
            "ATELIER_DATABASE_URL": database_url,
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
