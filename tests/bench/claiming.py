"""Claims: what they cost in a long queue, how soon an idle worker has a new job, and who is next."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import insert

from atelier_jobs.domain.job import Job
from atelier_jobs.sql import schema
from atelier_jobs.sql.rows import row_of
from atelier_jobs.worker.attempt import Attempt
from atelier_service.ids import uuid7
from tests.bench.rows import Row, Spread, Target, ratio_row
from tests.ports.jobs.mesh import make_result, open_process, open_worker
from tests.ports.jobs.plane import Plane, open_plane
from tests.support.nats import running_nats
from tests.support.postgres import create_schema, running_postgres
from tests.support.wait import eventually

OWNERS = 1_000
FEW, MANY = 10, 100_000
BATCH = 5_000
CLAIMS = 20
HOARD = 500
TARGET = Target(1.5)


async def measure_claims(folder: Path, *, rounds: int, jobs: int = MANY) -> list[Row]:
    """Rounds of claims among ten waiting jobs, and among `jobs` of a thousand owners, on both databases."""
    rows = [await _claims(f"sqlite:///{folder / 'few.db'}", f"sqlite:///{folder / 'many.db'}", "SQLite", rounds, jobs)]
    with running_postgres(syncs=True) as server:
        few, many = await create_schema(server, "few"), await create_schema(server, "many")
        rows.append(await _claims(few, many, "PostgreSQL", rounds, jobs))
    return rows


async def _claims(few_url: str, many_url: str, database: str, rounds: int, jobs: int) -> Row:
    async with open_plane(few_url) as few, open_plane(many_url) as many:
        await _queue(many, jobs)
        seconds: dict[str, list[float]] = {"few": [], "many": []}
        for _ in range(rounds + 1):
            await _queue(few, FEW + CLAIMS)
            for name, plane in (("few", few), ("many", many)):
                seconds[name].append(await _seconds_a_claim(plane))
            await few.claim_some(FEW)  # the next round begins with none again
    name = f"claim on {database}: among {jobs:,} jobs of {OWNERS:,} owners / among {FEW}"
    return ratio_row(name, seconds["many"][1:], seconds["few"][1:], unit="ms", scale=1000, target=TARGET)


async def _seconds_a_claim(plane: Plane) -> float:
    seconds = []
    for _ in range(CLAIMS):
        started = time.perf_counter()
        assert len(await plane.claim_some(1)) == 1
        seconds.append(time.perf_counter() - started)
    return median(seconds)


async def _queue(plane: Plane, count: int) -> None:
    """Waiting jobs of a thousand owners, written as submits one after the other would leave them."""
    template = await plane.submit("somebody")
    rows: list[dict[str, Any]] = []
    for number in range(count - 1):
        place = float(number // OWNERS)
        rows.append(
            row_of(template)
            | {"id": uuid7(), "owner": f"owner-{number % OWNERS}", "virtual_start": place, "virtual_finish": place + 1}
        )
    for first in range(0, len(rows), BATCH):
        async with plane.database.write() as transaction:
            await transaction.connection.execute(insert(schema.jobs), rows[first : first + BATCH])


async def measure_wake_up(folder: Path, *, jobs: int) -> Row:
    """From the commit of a submit to the handler of an idle worker in another process of the plane."""
    waits: list[float] = []
    begun: asyncio.Queue[float] = asyncio.Queue()

    async def note(job: Job, attempt: Attempt) -> bytes:
        begun.put_nowait(time.perf_counter())
        return await make_result(job, attempt)

    url = f"sqlite:///{folder / 'woken.db'}"
    with running_nats() as nats:
        async with (
            open_process(url, nats.url, origin="api") as api,
            open_process(url, nats.url, origin="worker", reconciles=False) as process,
            open_worker(process, note, poll_s=300) as (worker, _),
        ):
            await asyncio.gather(api.bus.connection_after(0), process.bus.connection_after(0))
            for _ in range(jobs):
                await api.plane.submit()
                committed = time.perf_counter()
                waits.append(await begun.get() - committed)
                await eventually(lambda: not worker.running_job_ids)
    waits = [wait * 1000 for wait in waits[jobs // 10 :]]
    return Row(name="job plane: commit of a submit to an idle worker", value=Spread.of(waits), unit="ms")


async def measure_fairness(folder: Path) -> Row:
    """How many jobs of an owner who queued 500 come before that of another one, who asks while one of them runs."""
    async with open_plane(f"sqlite:///{folder / 'fair.db'}") as plane:
        for _ in range(HOARD):
            await plane.submit("much")
        await plane.claim_some(1)
        await plane.submit("little")
        owners: Sequence[str] = [claim.job.owner for claim in await plane.claim_some(HOARD)]
    before = float(owners.index("little"))
    return Row(
        name=f"fairness: jobs of {HOARD} that come before another owner's", value=Spread.of([before]), unit="jobs"
    )
