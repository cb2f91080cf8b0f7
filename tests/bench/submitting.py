"""Submits of fifty clients at once on PostgreSQL, against limits that are counted under one lock for all."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from sqlalchemy import func, insert, select, text

from atelier_jobs.domain.job import Job
from atelier_jobs.domain.progress import NOT_BEGUN
from atelier_jobs.domain.states import State
from atelier_jobs.domain.store import Limits
from atelier_jobs.sql import schema
from atelier_service.ids import uuid7
from tests.bench.rows import Row, Target, ratio_row
from tests.ports.jobs.plane import Plane, open_plane
from tests.support.postgres import create_schema, running_postgres

CLIENTS = 50
LIMITS = Limits(max_queued=1_000_000, max_live_per_owner=100_000)
TARGET = Target(10, at_most=False)

_TEMPLATE = Job(
    id="", owner="", kind="image", state=State.QUEUED, revision=1, spec=b"spec", result=None, failure=None, attempt=0,
    faults=0, max_attempts=3, epoch=0, worker="", lease_until_us=0, progress=NOT_BEGUN, seq=1, traceparent="",
    cached=False, create_us=0, queue_us=0, start_us=0, finish_us=0,
)  # fmt: skip

Submit = Callable[[Plane, str], Awaitable[Job]]


async def measure_submitting(*, rounds: int, seconds: float) -> Row:
    """Rounds of both in turn, each of its own clients and in a database of its own."""
    rates: dict[str, list[float]] = {"ours": [], "locked": []}
    with running_postgres(syncs=True) as server:
        async with (
            open_plane(await create_schema(server, "ours")) as ours,
            open_plane(await create_schema(server, "locked")) as locked,
        ):
            for _ in range(rounds + 1):
                rates["ours"].append(await _rate(ours, _submit, seconds))
                rates["locked"].append(await _rate(locked, _submit_under_a_lock, seconds))
    name = f"submits of {CLIENTS} clients on PostgreSQL / limits under one lock"
    return ratio_row(name, rates["ours"][1:], rates["locked"][1:], unit="/s", target=TARGET)


async def _rate(plane: Plane, submit: Submit, seconds: float) -> float:
    count = 0

    async def client(owner: str) -> None:
        nonlocal count
        while time.perf_counter() < end:
            await submit(plane, owner)
            count += 1

    started = time.perf_counter()
    end = started + seconds
    await asyncio.gather(*(client(f"owner-{number}") for number in range(CLIENTS)))
    return count / (time.perf_counter() - started)


async def _submit(plane: Plane, owner: str) -> Job:
    return await plane.submit(owner, limits=LIMITS, idempotency_key=uuid7(), request_hash=b"hash")


async def _submit_under_a_lock(plane: Plane, owner: str) -> Job:
    """As version 0.1.0 did: one lock for all, held to the commit, and counts and rows in statements of their own."""
    jobs, job_id = schema.jobs.c, uuid7()
    async with plane.database.write() as transaction:
        run = transaction.connection.execute
        key = {"owner": owner, "key": uuid7(), "request_hash": b"hash", "job_id": job_id, "create_us": 0}
        await run(insert(schema.idempotency_keys).values(**key))
        await run(text("SELECT pg_advisory_xact_lock(1)"))
        for where in ((jobs.owner == owner, schema.LIVE), (schema.WAITING,)):
            some = select(jobs.id).where(jobs.kind == "image", *where).limit(LIMITS.max_queued).subquery()
            await run(select(func.count()).select_from(some))
        now = await transaction.now_us()
        job = replace(_TEMPLATE, id=job_id, owner=owner, create_us=now, queue_us=now)
        await transaction.insert(job)
    return job
