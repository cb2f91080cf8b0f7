"""The process itself: `atelier-auth` as the launcher starts it."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import grpc
from tests.service.auth.running_auth import RunningAuth, new_dev_key

from atelier.auth.v1 import auth_pb2_grpc
from atelier_auth.adapters.tables import SCHEMAS
from atelier_envoy_api.service.auth.v3 import external_auth_pb2_grpc
from atelier_service.migrations.upgrade import upgrade


async def start(folder: Path, dev_key: str, **settings: str) -> asyncio.subprocess.Process:
    """The process with only these settings, on a database that has its tables."""
    database_url = f"sqlite:///{folder / 'kept' / 'auth.db'}"
    await upgrade(database_url, SCHEMAS)
    environment = {
        "PATH": os.environ["PATH"],
        "ATELIER_LISTEN": "127.0.0.1:0",
        "ATELIER_DATABASE_URL": database_url,
        "ATELIER_BOOTSTRAP_API_KEY": dev_key,
        **settings,
    }
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "atelier_auth.main",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def until_serving(process: asyncio.subprocess.Process) -> list[dict[str, Any]]:
    """The log up to the line that says where it serves."""
    assert process.stdout is not None
    lines: list[dict[str, Any]] = []
    async with asyncio.timeout(30):
        while not lines or lines[-1].get("event") != "serving":
            lines.append(json.loads(await process.stdout.readline()))
    return lines


async def test_it_serves_logs_no_secret_and_stops_on_a_signal(tmp_path: Path) -> None:
    dev_key, bad_key = new_dev_key(), new_dev_key()
    process = await start(tmp_path, dev_key, ATELIER_LOG_LEVEL="debug")
    log = await until_serving(process)
    async with grpc.aio.insecure_channel(log[-1]["address"]) as channel:
        auth = RunningAuth(
            log[-1]["address"],
            dev_key,
            auth_pb2_grpc.AuthServiceStub(channel),
            external_auth_pb2_grpc.AuthorizationStub(channel),
        )
        made = await auth.new_key(await auth.as_dev())
        token = await auth.token(made.api_key)
        assert not await auth.opens(bad_key)
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    rest = (await asyncio.wait_for(process.stdout.read(), 30)).decode()
    assert await process.wait() == 0
    said = json.dumps(log) + rest
    assert {line["service"] for line in log} == {"atelier-auth"}
    for secret in (dev_key, bad_key, made.api_key):
        assert secret.split("_", 2)[2] not in said
    assert token not in said


async def test_a_development_key_that_is_none_stops_it_at_the_start_and_is_not_shown(tmp_path: Path) -> None:
    process = await start(tmp_path, "hunter2")
    assert process.stdout is not None
    said = (await asyncio.wait_for(process.stdout.read(), 30)).decode()
    assert await process.wait() == 78
    assert said.startswith("atelier-auth: ATELIER_BOOTSTRAP_API_KEY: ")
    assert said.count("\n") == 1
    assert "hunter2" not in said
