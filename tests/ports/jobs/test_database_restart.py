"""PostgreSQL goes down and comes back in the middle of the work: a real server, restarted."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from atelier_jobs.domain.history import check
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.states import State
from atelier_jobs.sql.history import read_history
from atelier_jobs.worker.attempt import Attempt
from atelier_service.errors import UnavailableError
from tests.ports.jobs.mesh import make_result, open_process, open_worker
from tests.support.nats import NatsServer
from tests.support.wait import eventually


class _Server:
    """A PostgreSQL of this test's own."""

    def __init__(self, folder: str) -> None:
        import pgserver._commands
        import pgserver.postgres_server

        self._folder = folder
        self._server = pgserver.postgres_server.get_server(Path(folder), cleanup_mode="stop")
        self._pg_ctl = pgserver._commands.POSTGRES_BIN_PATH / "pg_ctl"
        self._socket = self._server.get_postmaster_info().socket_dir
        self.url = f"postgresql+asyncpg://postgres@/postgres?host={self._socket}"

    async def restart(self) -> None:
        """As after a power cut: no goodbye to anybody."""
        restart = await asyncio.create_subprocess_exec(
            self._pg_ctl, "-D", self._folder, "-m", "immediate", "-w", "-o", f'-h "" -k {self._socket}',
            "-l", f"{self._folder}/log", "restart", stdout=asyncio.subprocess.DEVNULL,
            user="pgserver" if os.geteuid() == 0 else None,
        )  # fmt: skip
        assert await restart.wait() == 0

    def stop(self) -> None:
        """Gone."""
        self._server.cleanup()


@pytest.fixture
def postgres() -> Iterator[_Server]:
    """A server that may be restarted."""
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp", ignore_cleanup_errors=True) as folder:
        server = _Server(folder)
        yield server
        server.stop()


async def test_no_job_is_lost_when_the_database_restarts(postgres: _Server, nats_server: NatsServer) -> None:
    async def slow(job: Job, attempt: Attempt) -> bytes:
        await asyncio.sleep(0.05)
        return await make_result(job, attempt)

    accepted: list[Job] = []
    refused = 0
    async with open_process(postgres.url, nats_server.url) as api, open_worker(api, slow, lease_s=3):
        restarting = asyncio.create_task(postgres.restart())
        while not restarting.done() or len(accepted) < 20:
            try:
                # One fault is allowed for: a claim may be committed whose answer is lost.
                accepted.append(await api.plane.submit(max_attempts=2))
            except UnavailableError:
                refused += 1
                await asyncio.sleep(0.02)
        await restarting

        async def all_ended() -> bool:
            return all([(await api.plane.again(job)).state.terminal for job in accepted])

        await eventually(all_ended, timeout_s=30)
        assert {(await api.plane.again(job)).state for job in accepted} == {State.SUCCEEDED}
        assert check(await read_history(api.plane.database, accepted=[job.id for job in accepted])) == []
        assert refused, "the restart was seen"
