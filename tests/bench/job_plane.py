"""The job plane on SQLite against a bare commit of one small row, which waits for the same disk."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from atelier_jobs.domain.outcome import Outcome
from tests.bench.rows import Row, ratio_row
from tests.ports.jobs.plane import open_plane


class _Stopwatch:
    """Seconds per piece of work, by name."""

    def __init__(self, pieces: int) -> None:
        self._pieces = pieces
        self.seconds: dict[str, list[float]] = {}

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds.setdefault(name, []).append((time.perf_counter() - started) / self._pieces)


async def measure_job_plane(folder: Path, *, rounds: int, jobs: int) -> list[Row]:
    """Rounds of bare commits, submits, claims and successes, in one process, one after the other. No target.

    `folder` is there and holds no databases yet.
    """
    watch = _Stopwatch(jobs)
    with closing(_bare_database(folder / "bare.db")) as bare:
        async with open_plane(f"sqlite:///{folder / 'jobs.db'}") as plane:
            await plane.claim(await plane.submit())  # warm
            for _ in range(rounds):
                with watch.time("commit"):
                    for k in range(jobs):
                        bare.execute("INSERT INTO rows (text) VALUES (?)", (f"row {k}",))
                with watch.time("submit"):
                    submitted = [await plane.submit() for _ in range(jobs)]
                with watch.time("claim"):
                    claims = [await plane.claim(job) for job in submitted]
                with watch.time("success"):
                    done = [await plane.claims.complete(claim, Outcome(b"result")) for claim in claims]
                assert all(done)
    commits = watch.seconds.pop("commit")
    return [
        ratio_row(f"job plane: {name} / bare commit", seconds, commits, unit="ms", scale=1000)
        for name, seconds in watch.seconds.items()
    ]


def _bare_database(path: Path) -> sqlite3.Connection:
    """Set up as ours are: every commit is on the disk when it returns."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT)")
    return connection
