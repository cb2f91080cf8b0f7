"""`atelier comfy` from POST to the end on the socket: graphs of trivial nodes, with a client that listens."""

import asyncio
import time
from pathlib import Path

from tests.bench.rows import Row, Spread, Target
from tests.comfy.comfy_client import ComfyClient, comfy_client
from tests.comfy.comfy_process import comfy_process, extra_paths_file
from tests.comfy.graphs import Graph, chain, gated, pairs, shown
from tests.support.wait import eventually

CHAIN, PAIRS, SLEEPERS = 800, 400, 4
_SLEEP_S = 1.0
_HOSTS_START_S = 120.0
_DISTINCT = 1_000_000  # no round finds what another one has cached


async def measure_comfy_door(folder: Path, *, rounds: int) -> list[Row]:
    """Rounds of a chain, of independent pairs, of their cached runs, and of prompts that sleep, each in its host."""
    flags = ("--hosts", str(SLEEPERS), "--extra-model-paths-config", str(extra_paths_file(folder)))
    async with comfy_process(folder, *flags) as server, comfy_client(server.url) as client:
        await _all_hosts_run(client, folder)
        rows: list[Row] = []
        for name, make in ((f"chain of {CHAIN} nodes", _chain), (f"{PAIRS} independent pairs", _pairs)):
            first, cached = [], []
            for number in range(rounds + 1):
                graph = make(number)
                first.append(await _seconds(client, graph))
                cached.append(await _seconds(client, graph))
            rows.append(_row(f"atelier comfy: {name}, with a listener", first[1:], limit_s=1.0))
            rows.append(_row(f"atelier comfy: {name}, cached", cached[1:], limit_s=0.1))
        sleeping = [await _sleepers(client, number) for number in range(rounds + 1)]
        rows.append(_row(f"atelier comfy: {SLEEPERS} prompts that sleep 1 s", sleeping[1:], limit_s=1.5))
    return rows


async def _all_hosts_run(client: ComfyClient, folder: Path) -> None:
    """Has every host started: as many prompts wait at a gate as there may be hosts."""
    gates = [folder / f"gate-{number}" for number in range(SLEEPERS)]
    prompts = [await client.submit(gated(gate)) for gate in gates]
    for gate in gates:
        await eventually(Path(f"{gate}.waiting").exists, _HOSTS_START_S)
    for gate in gates:
        gate.touch()
    for prompt_id in prompts:
        await eventually(lambda prompt_id=prompt_id: client.get(f"/history/{prompt_id}"), _HOSTS_START_S)  # type: ignore[misc]


def _chain(number: int) -> Graph:
    return chain(CHAIN, start=_DISTINCT * number)


def _pairs(number: int) -> Graph:
    return pairs(PAIRS, start=_DISTINCT * number)


async def _seconds(client: ComfyClient, graph: Graph) -> float:
    started = time.perf_counter()
    prompt_id = await client.submit(graph)
    await client.until_end(prompt_id)
    return time.perf_counter() - started


async def _sleepers(client: ComfyClient, number: int) -> float:
    started = time.perf_counter()
    graphs = [shown(_DISTINCT * number + sleeper, _SLEEP_S) for sleeper in range(SLEEPERS)]
    waiting = set(await asyncio.gather(*(client.submit(graph) for graph in graphs)))
    while waiting:
        message = await client.message()
        if message["type"] == "executing" and message["data"]["node"] is None:
            waiting.discard(message["data"]["prompt_id"])
    return time.perf_counter() - started


def _row(name: str, seconds: list[float], *, limit_s: float) -> Row:
    return Row(name=name, value=Spread.of(seconds), unit="s", target=Target(limit_s), rounds={"seconds": seconds})
