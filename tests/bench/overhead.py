"""What the whole mesh costs: pictures through it against the same pictures in one process, back to back."""

import queue
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.bench.companion import Companion
from tests.bench.cpu import cpu_seconds
from tests.bench.direct import parameters_of, request_with
from tests.bench.rest import Rest
from tests.bench.rows import Row, Target, ratio_row
from tests.mesh.running_mesh import RunningMesh

CLIENTS = 4
"""Callers that wait for a picture each and then ask for the next: the queue is never empty."""
JOB_S = 0.15
TARGET = Target(1.05)


@dataclass
class Tally:
    """Seconds per picture, round by round; `parts` shares `cpu_s` out among processes."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=dict)


class Contest:
    """Draws through the mesh or in process; who does not draw idles."""

    def __init__(self, mesh: RunningMesh, key: str, direct: Companion, *, steps: int, jobs: int) -> None:
        self._mesh = mesh
        self._key = key
        self._direct = direct
        self._steps = steps
        self._jobs = jobs

    def draw(self, way: str, tally: Tally) -> None:
        """A round of `mesh`, `engine` or `diffusers`."""
        if way == "mesh":
            self._through_the_mesh(tally)
            return
        wall_s, cpu_s = self._direct.ask(by=way, steps=self._steps, seeds=new_seeds(self._jobs))
        tally.wall_s.append(wall_s / self._jobs)
        tally.cpu_s.append(cpu_s / self._jobs)

    def _through_the_mesh(self, tally: Tally) -> None:
        """Times the middle of more pictures: the first and the last ones only fill and drain the queue."""
        pictures = self._jobs + 2 * CLIENTS
        seeds: queue.SimpleQueue[int] = queue.SimpleQueue()
        for seed in new_seeds(pictures):
            seeds.put(seed)
        ends: list[float] = []
        before = cpu_seconds(self._mesh)
        with ThreadPoolExecutor(CLIENTS) as pool:
            for caller in [pool.submit(self._call, seeds, ends) for _ in range(CLIENTS)]:
                caller.result()
        used = {name: seconds - before[name] for name, seconds in cpu_seconds(self._mesh).items()}
        ends.sort()
        tally.wall_s.append((ends[CLIENTS + self._jobs] - ends[CLIENTS]) / self._jobs)
        tally.cpu_s.append(sum(used.values()) / pictures)
        for name, seconds in used.items():
            tally.parts.setdefault(name, []).append(seconds / pictures)

    def _call(self, seeds: "queue.SimpleQueue[int]", ends: list[float]) -> None:
        """One caller."""
        with Rest(self._mesh.url, {"X-Api-Key": self._key}) as rest:
            for seed in _drained(seeds):
                image = rest.picture(parameters_of(request_with(self._steps, seed)))
                ends.append(time.perf_counter())
                if image["cached"]:
                    raise RuntimeError("the picture was not made: it came from the cache")


def measure_overhead(mesh: RunningMesh, key: str, *, threads: int, rounds: int, jobs: int) -> list[Row]:
    """Rounds of: the mesh, our engine in process, diffusers' own pipeline call in process. `threads` are torch's."""
    with Companion.running("tests.bench.direct", threads=threads) as direct:
        steps = steps_for(direct, threads)
        contest = Contest(mesh, key, direct, steps=steps, jobs=jobs)
        ways = ["mesh", "engine", "diffusers"]
        for way in ways:
            contest.draw(way, Tally())  # warm
        tallies = {way: Tally() for way in ways}
        for k in range(rounds):
            for way in ways[:: 1 if k % 2 == 0 else -1]:
                contest.draw(way, tallies[way])
    ours, engine, diffusers = tallies.values()
    what = f"{steps} step{'' if steps == 1 else 's'} on {threads} core{'' if threads == 1 else 's'}"
    rows = [
        ratio_row(
            f"{what}: mesh / {name}", ours.wall_s, theirs.wall_s, unit="ms", scale=1000, target=TARGET
        )
        for name, theirs in (("engine", engine), ("diffusers", diffusers))
    ]  # fmt: skip
    cpu = ratio_row(f"{what}: CPU of mesh / engine", ours.cpu_s, engine.cpu_s, unit="ms", scale=1000)
    return [*rows, cpu.shared_out(ours.parts, unit="ms", scale=1000)]


def steps_for(direct: Companion, threads: int) -> int:
    """Denoising steps of a job of about JOB_S in process, were this machine otherwise idle (by processor time)."""
    few, many = 1, 11
    less_s, more_s = (
        min(float(direct.ask(by="engine", steps=steps, seeds=[0])[1]) for _ in range(5)) for steps in (few, many)
    )
    step_s = (more_s - less_s) / (many - few)
    return max(1, round(few + (JOB_S * threads - less_s) / step_s))


def new_seeds(count: int) -> list[int]:
    """Seeds that nobody has asked for: no picture may come from the cache."""
    return random.sample(range(2**32), count)


def _drained(seeds: "queue.SimpleQueue[int]") -> Iterator[int]:
    while True:
        try:
            yield seeds.get_nowait()
        except queue.Empty:
            return
