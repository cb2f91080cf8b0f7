"""Graphs side by side in node hosts."""

import asyncio
import time
from pathlib import Path

from atelier_nodes.pool.host_pool import open_pool
from tests.bench.rows import Row, Spread, Target
from tests.hosts.bench import Bench, node, options_in
from tests.support.wait import eventually

_HOSTS = 4


async def measure_node_hosts(folder: Path, *, rounds: int) -> list[Row]:
    """Four graphs whose node sleeps for a second, on four hosts; and how soon the next graph runs after a killed one.

    Args:
        folder: For the files of nodes.
        rounds: How often to measure.
    """
    together_s, after_s = [], []
    async with open_pool(options_in(folder / "hosts", hosts=_HOSTS, warm_hosts=_HOSTS)) as pool:
        bench = Bench(pool)
        for _ in range(rounds):
            await eventually(lambda: pool.host_count == _HOSTS, timeout_s=120)
            started = time.perf_counter()
            await asyncio.gather(*(bench.run(node("Sleep", "1")) for _ in range(_HOSTS)))
            together_s.append(time.perf_counter() - started)
        for _ in range(rounds):
            await eventually(lambda: pool.host_count == _HOSTS, timeout_s=120)
            await bench.run(node("Exit"))
            started = time.perf_counter()
            await bench.run(node("Say"))
            after_s.append(time.perf_counter() - started)
    return [
        Row(
            name="four graphs of 1 s on four hosts",
            value=Spread.of(together_s),
            unit="s",
            target=Target(1.5),
            rounds={"seconds": together_s},
        ),
        Row(
            name="a graph after one that ended its host",
            value=Spread.of(after_s),
            unit="s",
            target=Target(0.5),
            rounds={"seconds": after_s},
        ),
    ]
