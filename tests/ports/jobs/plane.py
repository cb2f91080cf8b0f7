"""What a process of a service has of the job plane, and shorthands for stories about it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from atelier_jobs.domain.claims import Claim, ClaimRequest, ClaimStore
from atelier_jobs.domain.event import JobEvent
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.states import State
from atelier_jobs.domain.store import NO_LIMITS, Limits, Submission
from atelier_jobs.events.factory import EventFactory
from atelier_jobs.sql import schema
from atelier_jobs.sql.claims import SqlClaimStore
from atelier_jobs.sql.database import JobDatabase
from atelier_jobs.sql.jobs import SqlJobStore
from atelier_jobs.sql.outbox import SqlOutbox
from atelier_jobs.sql.upkeep import SqlUpkeep
from atelier_service.database import create_engine
from atelier_service.ids import uuid7
from atelier_service.migrations.upgrade import upgrade

LEASE_S = 30.0


@dataclass(frozen=True)
class Plane:
    """The stores of one process."""

    database: JobDatabase
    events: EventFactory
    jobs: SqlJobStore
    claims: ClaimStore
    outbox: SqlOutbox
    upkeep: SqlUpkeep

    async def submit(self, owner: str = "ada", *, limits: Limits = NO_LIMITS, **fields: Any) -> Job:
        """A new job of `owner`."""
        submission = {"job_id": uuid7(), "owner": owner, "kind": "image", "spec": b"spec", **fields}
        return (await self.jobs.submit(Submission(**submission), limits)).job

    async def claim(self, job: Job, *, worker: str = "w1", lease_s: float = LEASE_S) -> Claim:
        """The job, claimed: the one that comes next."""
        [claim] = await self.claim_some(1, kind=job.kind, worker=worker, lease_s=lease_s)
        assert claim.job.id == job.id, "another job is before it"
        return claim

    async def claim_some(
        self, max_jobs: int, *, kind: str = "image", worker: str = "w1", lease_s: float = LEASE_S, **fields: Any
    ) -> Sequence[Claim]:
        """The jobs that come next."""
        request = ClaimRequest(kind=kind, worker_id=worker, lease_s=lease_s, max_jobs=max_jobs, **fields)
        return await self.claims.claim(request)

    async def make_due(self, job: Job) -> None:
        """Ends the delay of a job that waits to be tried again."""
        async with self.database.write() as transaction:
            due = update(schema.jobs).where(schema.jobs.c.id == job.id).values(due_us=0)
            await transaction.connection.execute(due)

    async def reap(self) -> int:
        """Ends the attempts whose lease ran out; their jobs can be claimed at once."""
        return await self.upkeep.reap_expired(delay_s=0)

    async def again(self, job: Job) -> Job:
        """The job as it stands now."""
        return await self.jobs.get(job.owner, job.id)

    async def states(self, job: Job) -> list[State]:
        """The states of its durable events."""
        return [event.state for event in await self.jobs.events_after(job.id, 0)]

    async def told(self, job: Job) -> Sequence[JobEvent]:
        """Its durable events."""
        return await self.jobs.events_after(job.id, 0)

    async def rows(self, table: Any) -> Sequence[Any]:
        """Every row of a table."""
        async with self.database.read() as connection:
            return (await connection.execute(select(table))).mappings().all()

    async def outbox_messages(self) -> list[tuple[str, str]]:
        """Topic and message id of everything that was ever put in the outbox."""
        return [(row["topic"], row["message_id"]) for row in await self.rows(schema.outbox)]


@asynccontextmanager
async def open_plane(url: str, *, origin: str = "test", events: EventFactory | None = None) -> AsyncIterator[Plane]:
    """The stores on this database, with its tables."""
    await upgrade(url, (schema.SCHEMA,))
    engine = create_engine(url)
    events = events or EventFactory(lambda job_id, _result: [f"/content/{job_id}"])
    try:
        database = JobDatabase(engine, origin=origin)
        yield Plane(
            database, events, SqlJobStore(database), SqlClaimStore(database), SqlOutbox(database), SqlUpkeep(database)
        )
    finally:
        await engine.dispose()
