"""Nodes of a pack that means harm, in hosts without a network, beside graphs of others."""

import asyncio
import os
import socket
from pathlib import Path

import psutil

from atelier_nodes.pool.host_pool import open_pool
from tests.attack.strength import attack, times
from tests.hosts.bench import Bench, Outcome, node, options_in
from tests.support.wait import eventually

GIB = 2**30


async def _beside_a_victim(bench: Bench, *attacks: tuple[str, str]) -> list[Outcome]:
    """Runs attacks one after the other while another graph runs, which must succeed."""
    victim = asyncio.create_task(bench.run(node("Sleep", "1")))
    outcomes = [await bench.run(node(name, text), time_limit_s=20) for name, text in attacks]
    assert (await victim).status == "success"
    assert (await bench.run(node("Say", "still here"))).text() == ["still here"]
    return outcomes


@attack("a node", "exit, crash, closed and garbled sockets, again and again", "its execution is FAILED and names it")
async def test_a_node_that_ends_its_host(tmp_path: Path) -> None:
    async with open_pool(options_in(tmp_path, hosts=2)) as pool:
        bench = Bench(pool)
        for _ in range(times(1, 20)):
            names = ("Exit", "Crash", "CloseSockets", "Garbage")
            for outcome in await _beside_a_victim(bench, *((name, "") for name in names)):
                assert outcome.lost is not None
                assert (outcome.lost.reason, outcome.failure.node_id) == ("HOST_LOST", "1")


@attack("a node", "files, secrets, ports and processes that are not its own", "there are none, or it is refused")
async def test_a_node_that_looks_around(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    with socket.create_server(("127.0.0.1", 0)) as server:
        tries = [
            ("Read", str(secret)), ("Read", "/etc/shadow"), ("Read", "/proc/1/environ"),
            ("Read", f"/proc/{os.getpid()}/environ"),
            ("Write", str(tmp_path / "elsewhere")), ("Write", "/usr/lib/planted.py"), ("Write", "../../up"),
            ("Connect", str(server.getsockname()[1])), ("Kill", str(os.getpid())), ("Kill", "parent"),
        ]  # fmt: skip
        async with open_pool(options_in(tmp_path / "hosts", hosts=2)) as pool:
            for _ in range(times(1, 5)):
                for outcome in await _beside_a_victim(Bench(pool), *tries):
                    assert outcome.status == "error"
                # To kill everybody is no error where there is somebody: each of them is spared.
                await _beside_a_victim(Bench(pool), ("Kill", "-1"))
    assert sorted(os.listdir(tmp_path)) == ["hosts", "secret"]


@attack("a node", "memory, processes, output and time without end", "limits end it, and nothing of it is left behind")
async def test_a_node_without_measure(tmp_path: Path) -> None:
    own = psutil.Process()
    before = {child.pid for child in own.children(recursive=True)}
    async with open_pool(options_in(tmp_path, hosts=2, memory_bytes=2 * GIB)) as pool:
        for _ in range(times(1, 5)):
            tries = [("FillMemory", ""), ("MapMemory", ""), ("ForkBomb", ""), ("Fork", "session"), ("Sleep", "600")]
            for outcome in await _beside_a_victim(Bench(pool), *tries):
                assert outcome.seconds < 25
                assert outcome.status in ("success", "error")
        # A template below two processes, and two hosts with their guardians.
        await eventually(lambda: len({child.pid for child in own.children(recursive=True)} - before) <= 7)
