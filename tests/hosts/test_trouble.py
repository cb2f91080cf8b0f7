"""Nodes that mean harm: each costs its own execution, with the node named, and everything else goes on."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from atelier_graph.events import NodeProgress, NodeStarted
from atelier_nodes.mesh import NoMesh
from atelier_nodes.pool.host_pool import open_pool
from tests.hosts.bench import Bench, execution_of, node, options_in
from tests.support.wait import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

GIB = 2**30
NO_MESH = NoMesh()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the hosts' folders are."""
    return tmp_path_factory.mktemp("hosts")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(root: Path) -> AsyncIterator[Bench]:
    """Two hosts without a network, each with 2 GiB at most."""
    os.environ["ATELIER_SECRET_OF_THE_WORKER"] = "hunter2"
    try:
        async with open_pool(options_in(root, hosts=2, memory_bytes=2 * GIB, cache="classic")) as pool:
            await pool.catalogue()
            yield Bench(pool)
    finally:
        del os.environ["ATELIER_SECRET_OF_THE_WORKER"]


async def goes_on(bench: Bench) -> bool:
    """Whether the next graph runs."""
    return (await bench.run(node("Say", "still here"))).text() == ["still here"]


async def test_a_graph_runs(bench: Bench) -> None:
    graph = {**node("Say", "a"), "2": {"class_type": "TroubleSay", "inputs": {"text": ["1", 0]}}}
    outcome = await bench.run(graph)
    assert outcome.text("2") == ["a"]
    assert outcome.status == "success"
    assert [event.node for event in outcome.events if isinstance(event, NodeStarted)] == ["1", "2"]


@pytest.mark.parametrize("how", ["Exit", "Crash", "Garbage", "CloseSockets"])
async def test_a_node_that_ends_its_process_costs_its_execution(bench: Bench, how: str) -> None:
    after = {"class_type": f"Trouble{how}", "inputs": {"text": "", "after": ["1", 0]}}
    outcome = await bench.run({**node("Say", "a"), "7": after}, outputs=["7"])
    assert outcome.lost is not None
    assert outcome.lost.reason == "HOST_LOST"
    assert (outcome.lost.node_id, outcome.lost.node_type) == ("7", f"Trouble{how}")
    assert outcome.status == "error"
    assert (outcome.failure.node_id, outcome.failure.executed) == ("7", ["1"])
    assert await goes_on(bench)


async def test_a_node_that_raises_system_exit_fails_alone(bench: Bench) -> None:
    before = await bench.pids()
    outcome = await bench.run(node("LeaveQuietly", "bye"))
    assert outcome.result is not None
    assert outcome.result.status == "error"
    assert outcome.failure.node_id == "1"
    assert await goes_on(bench)
    assert before <= await bench.pids()


async def test_a_node_that_returns_what_is_not_json_fails_alone(bench: Bench) -> None:
    outcome = await bench.run(node("NotJson"))
    assert outcome.status == "error"
    assert outcome.failure.node_id == "1"
    assert await goes_on(bench)


@pytest.mark.parametrize("how", ["", "session"])
async def test_what_a_node_forks_ends_with_its_execution(bench: Bench, how: str) -> None:
    outcome = await bench.run(node("Fork", how))
    assert outcome.status == "success"
    await eventually(lambda: all(len(descendants(host.pid)) <= 2 for host in bench.pool.hosts))
    assert await goes_on(bench)


async def test_a_node_that_returns_twice_returns_once(bench: Bench) -> None:
    outcome = await bench.run(node("ForkAndReturn"))
    assert outcome.text() == ["forked"]
    assert await goes_on(bench)


async def test_a_fork_bomb_meets_a_limit_and_ends(bench: Bench) -> None:
    outcome = await bench.run(node("ForkBomb"))
    if outcome.lost is None:
        assert 0 < int(outcome.text()[0]) < 64 + 4 * (os.cpu_count() or 1)
    else:
        assert (outcome.lost.reason, outcome.lost.node_id) == ("PROCESS_LIMIT", "1")
    await eventually(lambda: all(len(descendants(host.pid)) <= 2 for host in bench.pool.hosts))
    assert await goes_on(bench)


@pytest.mark.parametrize("how", ["", "at once"])
async def test_a_node_that_fills_memory_fails_with_the_node_named(bench: Bench, how: str) -> None:
    outcome = await bench.run(node("FillMemory", how))
    assert outcome.status == "error"
    assert outcome.failure.node_id == "1"
    assert outcome.failure.exception_type in ("MemoryError", "MEMORY_LIMIT")
    assert await goes_on(bench)


async def test_memory_that_no_limit_of_the_kernel_counts_is_watched(bench: Bench) -> None:
    outcome = await bench.run(node("MapMemory"))
    assert outcome.lost is not None
    assert (outcome.lost.reason, outcome.lost.node_id) == ("MEMORY_LIMIT", "1")
    assert await goes_on(bench)


@pytest.mark.parametrize(("name", "text"), [("Sleep", "600"), ("HoldTheLock", ""), ("Progress", "")])
async def test_an_interrupt_ends_a_node_within_two_seconds(bench: Bench, name: str, text: str) -> None:
    execution = execution_of(node(name, text))
    started = asyncio.Event()
    events: list[object] = []

    def on_event(event: object) -> None:
        events.append(event)
        if isinstance(event, NodeStarted):
            started.set()

    running = asyncio.create_task(bench.pool.run(execution, NO_MESH, on_event))
    await asyncio.wait_for(started.wait(), 30)
    began = asyncio.get_running_loop().time()
    assert bench.pool.interrupt(execution.id)
    result = await running
    assert asyncio.get_running_loop().time() - began < 2
    assert result.status == "interrupted"
    assert [type(event).__name__ for event in events[-2:]] == ["RunInterrupted", "RunEnded"]
    assert await goes_on(bench)


@pytest.mark.parametrize("name", ["Sleep", "HoldTheLock"])
async def test_a_time_limit_ends_a_node_within_two_seconds(bench: Bench, name: str) -> None:
    outcome = await bench.run(node(name, "600"), time_limit_s=0.5)
    assert outcome.lost is not None
    assert (outcome.lost.reason, outcome.lost.node_id) == ("TIME_LIMIT", "1")
    assert outcome.seconds < 2.5
    assert outcome.status == "error"
    assert await goes_on(bench)


async def test_a_cancelled_caller_ends_its_graph(bench: Bench) -> None:
    events: list[object] = []
    running = asyncio.create_task(bench.pool.run(execution_of(node("Sleep", "600")), NO_MESH, events.append))
    await eventually(lambda: any(isinstance(event, NodeStarted) for event in events))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await eventually(lambda: not any(host.running for host in bench.pool.hosts), timeout_s=3)
    assert await goes_on(bench)


async def test_a_node_writes_into_its_folders_alone(bench: Bench, root: Path, tmp_path: Path) -> None:
    assert (await bench.run(node("Write", "file.txt"))).text() == [str(root / "output" / "file.txt")]
    outcome = await bench.run(node("Write", str(tmp_path / "elsewhere.txt")))
    assert outcome.failure.exception_type.endswith("PermissionError")
    assert not (tmp_path / "elsewhere.txt").exists()


async def test_a_node_reads_no_file_of_the_worker(bench: Bench, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    for path in (secret, Path("/etc/shadow"), Path(f"/proc/{os.getpid()}/environ")):
        outcome = await bench.run(node("Read", str(path)))
        assert outcome.failure.exception_type.endswith(("PermissionError", "FileNotFoundError")), path


async def test_the_environment_of_the_worker_is_not_there(bench: Bench) -> None:
    outcome = await bench.run(node("Environment"))
    assert not [line for line in outcome.text() if "hunter2" in line or line.startswith("ATELIER")]


async def test_a_node_has_no_network(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        outcome = await bench.run(node("Connect", str(server.getsockname()[1])))
    assert outcome.status == "error"
    assert await goes_on(bench)


async def test_a_node_kills_neither_the_pool_nor_another_host(bench: Bench) -> None:
    for target in (str(os.getpid()), "parent"):
        outcome = await bench.run(node("Kill", target))
        assert outcome.status == "error", target
        assert await goes_on(bench)


async def test_a_node_kills_no_other_host(bench: Bench) -> None:
    await eventually(lambda: bench.pool.host_count == 2)
    victim = asyncio.create_task(bench.run(node("Sleep", "1.5")))
    killer = (await bench.run(node("KillEverybody"))).text()
    assert len(killer) > 2
    assert set(killer) == {"PermissionError"}
    assert (await victim).status == "success"


async def test_a_flood_of_progress_is_merged(bench: Bench) -> None:
    outcome = await bench.run(node("Flood", "100000"))
    reported = [event for event in outcome.events if isinstance(event, NodeProgress)]
    assert outcome.text() == ["done"]
    assert reported[-1].value == 100_000
    assert len(reported) < 20_000
    assert sum(event.preview is not None for event in reported) <= 5 * outcome.seconds + 11


async def test_a_node_that_prints_without_end_fills_no_log(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert (await bench.run(node("Print"))).text() == ["printed"]
    assert len(capsys.readouterr().out) < 2_000_000
    assert await goes_on(bench)


def descendants(pid: int) -> list[int]:
    """The processes below a guardian."""
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
