"""A pool that is killed leaves no process behind, whatever its nodes had started."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.support.wait import eventually

_POOL = """
import asyncio, sys
from pathlib import Path
from atelier_nodes.pool.host_pool import open_pool
from tests.hosts.bench import Bench, node, options_in

async def main(place, trusted):
    options = options_in(Path(place), hosts=2, network=trusted, confine_files=not trusted)
    async with open_pool(options, print) as pool:
        await pool.catalogue()
        bench = Bench(pool)
        print("ready", *(host.pid for host in pool.hosts), flush=True)
        graph = {"1": node("Fork", "session")["1"], "2": node("Sleep", "600", after=["1", 0])["1"]}
        running = asyncio.create_task(bench.run(graph))
        while not any(running.execution.prompt for host in pool.hosts for running in host.running.values()):
            await asyncio.sleep(0.01)
        print("running", flush=True)
        await running

asyncio.run(main(sys.argv[1], sys.argv[2] == "trusted"))
"""

_GUARDED = """
import os, sys, time
from atelier_nodes.host.guardian import fork_under_guardian, processes_of_host

fork_under_guardian(namespace=False)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(600)
    os._exit(0)
os.wait()
while not processes_of_host():
    time.sleep(0.01)
if sys.argv[1] == "wait":
    time.sleep(600)
os._exit(3)
"""


@contextmanager
def spawned(code: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A Python process that runs `code`, and is killed at the end of the block."""
    with subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: "subprocess.Popen[str]", word: str) -> list[str]:
    """The words of the next line that begins with `word`."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(word):
            return line.split()
    raise AssertionError(f"it ended without {word!r}")


@pytest.mark.parametrize("mode", ["trusted", "confined"])
async def test_a_pool_that_is_killed_leaves_nothing_behind(tmp_path: Path, mode: str) -> None:
    with spawned(_POOL, str(tmp_path), mode) as process:
        await asyncio.to_thread(line_of, process, "running")
        host_tree = psutil.Process(process.pid).children(recursive=True)
        assert len(host_tree) >= 3
        process.kill()
        await eventually(lambda: all(map(is_gone, host_tree)), timeout_s=10)


@pytest.mark.parametrize("how", ["exit", "wait"])
async def test_a_guardian_without_namespaces_ends_what_left_its_session(how: str) -> None:
    with spawned(_GUARDED, how) as process:
        stray = psutil.Process(int((await asyncio.to_thread(line_of, process, ""))[0]))
        if how == "wait":
            os.kill(process.pid, signal.SIGTERM)
        code = await asyncio.to_thread(process.wait, 10)
        assert code == (3 if how == "exit" else 137)
        await eventually(lambda: is_gone(stray))


def is_gone(process: psutil.Process) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
