"""`make bench`: measures, prints a table, writes var/bench/<time>.json. Changes nothing outside var/bench."""

import argparse
import asyncio
import json
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from atelier_diffusion.engine.hardware import physical_cores
from tests.bench.box import busy_programs, describe_box
from tests.bench.cache_hit import measure_cache_hit
from tests.bench.claiming import measure_claims, measure_fairness, measure_wake_up
from tests.bench.clip import LONG_MODEL_YAML
from tests.bench.clip_memory import measure_clip_memory
from tests.bench.comfy_door import measure_comfy_door
from tests.bench.drawn_graph import measure_drawn_graph
from tests.bench.eight_callers import measure_eight_callers
from tests.bench.encoding import measure_encoding
from tests.bench.graph_engine import measure_graph_engine
from tests.bench.job_plane import measure_job_plane
from tests.bench.memory import measure_memory
from tests.bench.node_hosts import measure_node_hosts
from tests.bench.overhead import measure_clip_overhead, measure_overhead
from tests.bench.rows import Row, table
from tests.bench.side_by_side import measure_side_by_side
from tests.bench.start import Starts
from tests.bench.submits import measure_submits
from tests.bench.submitting import measure_submitting
from tests.bench.waiting_threads import measure_waiting_threads
from tests.bench.watched import measure_watched

FOLDER = Path("var/bench")


@dataclass(frozen=True, slots=True)
class Length:
    """How long to measure."""

    rounds: int
    jobs: int
    """Pictures per round of the overhead."""
    clip_rounds: int
    clips: int
    """Clips per round of the overhead."""
    pictures: int
    """Pictures a caller, beside LitServe."""
    submit_s: float
    """Seconds per round and way of submitting."""
    plane_jobs: int
    queued: int
    """Jobs in the long queue that claims are measured in."""


FULL = Length(rounds=5, jobs=12, clip_rounds=10, clips=3, pictures=4, submit_s=3.0, plane_jobs=100, queued=100_000)
QUICK = Length(rounds=2, jobs=6, clip_rounds=1, clips=2, pictures=1, submit_s=1.0, plane_jobs=20, queued=10_000)


def measure(folder: Path, length: Length) -> list[Row]:
    """Everything, in the order of the table."""
    starts = Starts(folder)
    overhead: list[Row] = []
    cores = physical_cores()
    for threads in sorted({cores, 1}, reverse=True):  # as it comes, and with a core for what is not torch
        with starts.mesh("mesh", ATELIER_TORCH_THREADS=str(threads)) as mesh:
            key = mesh.key_of("bench")
            overhead += _told(measure_overhead(mesh, key, threads=threads, rounds=length.rounds, jobs=length.jobs))
            overhead += _told(
                measure_clip_overhead(mesh, key, threads=threads, rounds=length.clip_rounds, jobs=length.clips)
            )
    start = _told(starts.rows("mesh", rounds=2))
    waiting = _told(measure_waiting_threads(threads=cores, rounds=length.rounds))
    encoding = _told(measure_encoding(threads=cores, rounds=length.rounds))
    (folder / "mesh" / "models.yaml").write_text(LONG_MODEL_YAML)
    with starts.mesh("mesh") as mesh:
        key = mesh.key_of("bench")
        peers = _told(measure_eight_callers(mesh, key, rounds=length.rounds, pictures=length.pictures))
        cache = _told([measure_cache_hit(mesh, key, rounds=length.rounds)])
        drawn_graph = _told([measure_drawn_graph(mesh, key, rounds=length.rounds)])
        beside = _told([measure_side_by_side(mesh, key, rounds=length.rounds)])
        watched = _told(measure_watched(mesh, key, rounds=length.rounds))
        memory = _told(measure_memory(mesh))
        clip_memory = _told(measure_clip_memory(mesh, key, folder))
        submits = _told(measure_submits(mesh, key, rounds=length.rounds, seconds=length.submit_s))
    plane = _told(asyncio.run(measure_job_plane(folder, rounds=length.rounds, jobs=length.plane_jobs)))
    plane += _told(asyncio.run(measure_claims(folder, rounds=length.rounds, jobs=length.queued)))
    plane += _told([asyncio.run(measure_submitting(rounds=length.rounds, seconds=length.submit_s))])
    plane += _told([asyncio.run(measure_wake_up(folder, jobs=length.plane_jobs))])
    plane += _told([asyncio.run(measure_fairness(folder))])
    graphs = _told(asyncio.run(measure_graph_engine(rounds=length.rounds)))
    graphs += _told(asyncio.run(measure_node_hosts(folder, rounds=length.rounds)))
    (folder / "comfy").mkdir()
    graphs += _told(asyncio.run(measure_comfy_door(folder / "comfy", rounds=length.rounds)))
    drawing = [*overhead, *peers, *waiting, *encoding, *cache, *drawn_graph]
    return [*drawing, *submits, *beside, *watched, *start, *memory, *clip_memory, *plane, *graphs]


def _told(rows: list[Row]) -> list[Row]:
    """Says that something is done, for whoever waits."""
    for row in rows:
        print(f"  {row.name}: {row.value.median:.3f} {row.unit}", flush=True)  # noqa: T201 - it talks to a person
    return rows


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter, to see that it works; the numbers mean little")
    length = QUICK if parser.parse_args().quick else FULL
    started = time.monotonic()
    folder = FOLDER / "scratch"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    box = describe_box()
    rows = measure(folder.resolve(), length)
    shutil.rmtree(folder)  # kept when something went wrong: it holds the logs
    box["also_running_at_the_end"] = busy_programs()
    target = FOLDER / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    target.write_text(json.dumps({"box": box, "rows": [row.as_json() for row in rows]}, indent=1) + "\n")
    others = "; ".join(box["also_running"]) or "nothing else"
    print(f"\n{table(rows)}\n")  # noqa: T201
    print(f"{box['processor']}, {box['cores']} cores, load {box['load_average']}; running beside: {others}")  # noqa: T201
    print(f"{time.monotonic() - started:.0f} s; written to {target}")  # noqa: T201


if __name__ == "__main__":
    main()
