"""The same jobs through the mesh and without it, taking turns."""

import queue
import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tests.bench.cpu import cpu_seconds
from tests.bench.rest import Rest
from tests.bench.rows import Row, Target, ratio_row
from tests.mesh.running_mesh import RunningMesh

WAYS = ("mesh", "engine", "diffusers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One kind of job: where REST takes it and with what for a seed, and how each direct way is asked for the jobs of
    some `seeds`, which returns their seconds and CPU seconds. `callers` wait for one each and then ask for the next, so
    that the queue is never empty."""

    path: str
    parameters: Callable[[int], dict[str, Any]]
    direct: Mapping[str, Callable[..., Any]]
    callers: int


@dataclass
class Tally:
    """Seconds per job, round by round; `parts` shares `cpu_s` out among processes."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=dict)


class Contest:
    """Has jobs made through the mesh or directly; who does not draw idles."""

    def __init__(self, mesh: RunningMesh, key: str, work: Work, *, jobs: int) -> None:
        self._mesh = mesh
        self._key = key
        self._work = work
        self._jobs = jobs

    def rows(self, what: str, *, rounds: int, target: Target) -> list[Row]:
        """Rounds of: the mesh, our engine in process, diffusers' own pipeline call in a process of its own."""
        for way in WAYS:
            self._draw(way, Tally())  # warm
        tallies = {way: Tally() for way in WAYS}
        for k in range(rounds):
            for way in WAYS[:: 1 if k % 2 == 0 else -1]:
                self._draw(way, tallies[way])
        ours, engine, diffusers = tallies.values()
        ratios = [
            ratio_row(f"{what}: mesh / {name}", ours.wall_s, theirs.wall_s, unit="ms", scale=1000, target=target)
            for name, theirs in (("engine", engine), ("diffusers", diffusers))
        ]
        cpu = ratio_row(f"{what}: CPU of mesh / engine", ours.cpu_s, engine.cpu_s, unit="ms", scale=1000)
        return [*ratios, cpu.shared_out(ours.parts, unit="ms", scale=1000)]

    def _draw(self, way: str, tally: Tally) -> None:
        """A round."""
        if way == "mesh":
            self._through_the_mesh(tally)
            return
        # Who has idled takes a tenth longer for the first one, here as there.
        self._work.direct[way](seeds=new_seeds(1))
        wall_s, cpu_s = self._work.direct[way](seeds=new_seeds(self._jobs))
        tally.wall_s.append(wall_s / self._jobs)
        tally.cpu_s.append(cpu_s / self._jobs)

    def _through_the_mesh(self, tally: Tally) -> None:
        """Times the middle of more jobs: the first and the last ones only fill and drain the queue."""
        callers = self._work.callers
        jobs = self._jobs + 2 * callers
        seeds: queue.SimpleQueue[int] = queue.SimpleQueue()
        for seed in new_seeds(jobs):
            seeds.put(seed)
        ends: list[float] = []
        before = cpu_seconds(self._mesh)
        with ThreadPoolExecutor(callers) as pool:
            for caller in [pool.submit(self._call, seeds, ends) for _ in range(callers)]:
                caller.result()
        used = {name: seconds - before[name] for name, seconds in cpu_seconds(self._mesh).items()}
        ends.sort()
        tally.wall_s.append((ends[callers + self._jobs] - ends[callers]) / self._jobs)
        tally.cpu_s.append(sum(used.values()) / jobs)
        for name, seconds in used.items():
            tally.parts.setdefault(name, []).append(seconds / jobs)

    def _call(self, seeds: "queue.SimpleQueue[int]", ends: list[float]) -> None:
        """One caller."""
        with Rest(self._mesh.url, {"X-Api-Key": self._key}) as rest:
            for seed in _drained(seeds):
                job = rest.made(self._work.path, self._work.parameters(seed))
                ends.append(time.perf_counter())
                if job["cached"]:
                    raise RuntimeError("nothing was made: it came from the cache")


def new_seeds(count: int) -> list[int]:
    """Seeds that nobody has asked for: nothing may come from the cache."""
    return random.sample(range(2**32), count)


def _drained(seeds: "queue.SimpleQueue[int]") -> Iterator[int]:
    while True:
        try:
            yield seeds.get_nowait()
        except queue.Empty:
            return
