"""Workers that die, freeze and are told to go: real processes, real signals."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from atelier_jobs.domain.history import check
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.states import State
from atelier_jobs.sql.history import read_history
from tests.ports.jobs import mesh
from tests.ports.jobs.mesh import open_process
from tests.support.nats import NatsServer
from tests.support.wait import eventually

LEASE_S = 1.0


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A database that several processes may write."""
    return f"sqlite:///{tmp_path / 'jobs.db'}"


@asynccontextmanager
async def _worker(database_url: str, server: NatsServer, worker_id: str) -> AsyncIterator[Process]:
    script = Path(__file__).with_name("worker_process.py")
    roots = os.pathsep.join(path for path in sys.path if path)
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, database_url, server.url, worker_id, str(LEASE_S), stdout=PIPE,
        env={**os.environ, "PYTHONPATH": roots},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _begun(process: Process, job: Job) -> int:
    """The epoch under which the process began this job."""
    assert process.stdout is not None
    async with asyncio.timeout(20):
        while True:
            line = (await process.stdout.readline()).decode().split()
            assert line, "the worker ended"
            if line[0] == job.id:
                return int(line[1])


async def _end(api: mesh.Process, job: Job) -> Job:
    async def ended() -> bool:
        return (await api.plane.again(job)).state.terminal

    await eventually(ended, timeout_s=20)
    assert check(await read_history(api.plane.database, accepted=[job.id])) == []
    return await api.plane.again(job)


async def test_the_job_of_a_killed_worker_is_made_by_another(
    sqlite_url: str, nats_server: NatsServer, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    async with open_process(sqlite_url, nats_server.url) as api:
        job = await api.plane.submit(spec=str(go).encode())
        async with _worker(sqlite_url, nats_server, "first") as first:
            assert await _begun(first, job) == 1
            first.kill()
        async with _worker(sqlite_url, nats_server, "second") as second:
            assert await _begun(second, job) == 2
            go.touch()
            ended = await _end(api, job)
        assert (ended.state, ended.result, ended.faults) == (State.SUCCEEDED, b"by epoch 2", 1)


async def test_the_result_of_a_worker_suspended_past_its_lease_is_discarded(
    sqlite_url: str, nats_server: NatsServer, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    async with open_process(sqlite_url, nats_server.url, cleans=True) as api:
        job = await api.plane.submit(spec=str(go).encode())
        async with (
            _worker(sqlite_url, nats_server, "zombie") as zombie,
        ):
            assert await _begun(zombie, job) == 1
            zombie.send_signal(signal.SIGSTOP)
            async with _worker(sqlite_url, nats_server, "heir") as heir:
                assert await _begun(heir, job) == 2
                go.touch()
                ended = await _end(api, job)
                assert (ended.state, ended.result) == (State.SUCCEEDED, b"by epoch 2")
                zombie.send_signal(signal.SIGCONT)
                # The zombie wakes, ends its job, is refused, and asks for its files to be removed: the second time.
                await eventually(lambda: [c.keep_epoch for c in api.cleanups] == [2, 2], timeout_s=15)
            assert await api.plane.again(job) == ended


async def test_a_worker_that_is_stopped_releases_its_job_to_another_at_once(
    sqlite_url: str, nats_server: NatsServer, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    async with open_process(sqlite_url, nats_server.url, reconciles=False) as api:
        job = await api.plane.submit(spec=str(go).encode())
        async with _worker(sqlite_url, nats_server, "first") as first:
            await _begun(first, job)
            first.terminate()
            async with asyncio.timeout(15):
                assert await first.wait() == 0
        async with _worker(sqlite_url, nats_server, "second") as second:
            assert await _begun(second, job) == 2
            go.touch()
            ended = await _end(api, job)
        assert (ended.result, ended.faults) == (b"by epoch 2", 0)
