"""One database that holds jobs: transactions that write a job, its events and its outbox rows together."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from atelier_jobs.domain.event import JobEvent
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.outbox import Topic
from atelier_jobs.domain.states import State
from atelier_jobs.domain.transitions import Change
from atelier_jobs.domain.wake_ups import WakeUps
from atelier_jobs.messaging import subjects
from atelier_jobs.sql import schema
from atelier_jobs.sql.clock import EstimatedClock, now_us, sqlite_now_us
from atelier_jobs.sql.rows import event_row, job_of, row_of
from atelier_jobs.sql.submit_statement import insert_placed, submit_at_once
from atelier_service.sql import database_errors

_UNAVAILABLE = "The job database is unavailable."

# Built once: they run with every job.
_INSERT_JOB = insert(schema.jobs)
_INSERT_DEAD_LETTER = insert(schema.dead_letters)
_INSERT_EVENTS = insert(schema.job_events)
_INSERT_OUTBOX = insert(schema.outbox)
_UPDATE_JOB = update(schema.jobs).where(
    schema.jobs.c.id == bindparam("fence_id"),
    schema.jobs.c.epoch == bindparam("fence_epoch"),
    schema.jobs.c.state == bindparam("fence_state"),
)
_DELETE_PARTIAL = delete(schema.partial_results).where(schema.partial_results.c.job_id == bindparam("job_id"))
_LOCK = (
    select(schema.jobs, now_us().label("now_us"))
    .where(schema.jobs.c.id == bindparam("job_id"))
    .with_for_update(of=schema.jobs)
)


def _free(position: Callable[..., ColumnElement[int]]) -> Select[Any]:
    """Selects the first free jobs among some ids, in the order in which these are joined in one string."""
    job_id = schema.jobs.c.id
    return (
        select(schema.jobs, now_us().label("now_us"))
        # Not in the words of the partial index: without statistics PostgreSQL would read all of it for a few ids.
        .where(job_id.in_(bindparam("job_ids", expanding=True)), schema.jobs.c.state + 0 == int(State.QUEUED))
        .order_by(position(bindparam("order", type_=Text), literal(",").concat(job_id).concat(",")))
        .limit(bindparam("count", type_=Integer))
        .with_for_update(of=schema.jobs, skip_locked=True)
    )


_FREE = {True: _free(func.instr), False: _free(func.strpos)}  # SQLite's and PostgreSQL's names of one function


class JobDatabase:
    """One database, shared by the stores of one process.

    Attributes:
        engine: The SQLAlchemy engine.
        origin: Name of the process in outbox rows, unique: host and process id.
        wake_ups: Signals each commit after which a job is claimable.
        clock: The estimated clock of the database.
        outbox_written: Set after each commit that wrote outbox rows; the relay of this process waits for it.
        cleanup_written: Set after each commit that wrote a clean-up.
    """

    def __init__(self, engine: AsyncEngine, *, origin: str) -> None:
        self.engine = engine
        self.origin = origin
        self.wake_ups = WakeUps()
        self.clock = EstimatedClock()
        # Each statement sees what was committed, with or without a transaction, which costs two more round trips.
        self._read_options = {"readonly": True} | ({} if self.on_sqlite else {"isolation_level": "AUTOCOMMIT"})
        self.outbox_written = asyncio.Event()
        self.cleanup_written = asyncio.Event()
        # SQLite has one writer: those of this process queue up here, in order, and not in its busy handler, which
        # sleeps. Other databases take as many as there are connections.
        self._writers = asyncio.Semaphore(1 if self.on_sqlite else 1000)

    @property
    def on_sqlite(self) -> bool:
        """True for SQLite, which has one writer."""
        return self.engine.dialect.name == "sqlite"

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Opens a connection that only reads. Raises UnavailableError."""
        with database_errors(_UNAVAILABLE):
            async with self.engine.connect() as connection:
                yield await connection.execution_options(**self._read_options)

    @asynccontextmanager
    async def write(self) -> AsyncIterator["Transaction"]:
        """Opens a transaction that commits at the end of the block. Raises UnavailableError."""
        transaction: Transaction | None = None
        try:
            with database_errors(_UNAVAILABLE):
                async with self._writers, self.engine.begin() as connection:
                    transaction = Transaction(connection, self)
                    yield transaction
                self._wake(transaction)
        finally:
            if transaction is not None:
                self._signal(transaction)

    @asynccontextmanager
    async def write_at_once(self) -> AsyncIterator["Transaction"]:
        """Opens a connection that commits each statement; not for SQLite, which has one writer.

        Raises:
            UnavailableError: The database is unavailable.
        """
        with database_errors(_UNAVAILABLE):
            async with self.engine.connect() as connection:
                transaction = Transaction(await connection.execution_options(isolation_level="AUTOCOMMIT"), self)
                yield transaction
            self._wake(transaction)
            self._signal(transaction)

    def _wake(self, transaction: "Transaction") -> None:
        for kind, in_us in transaction.claimable.items():
            self.wake_ups.claimable(kind, in_us / 1e6)

    def _signal(self, transaction: "Transaction") -> None:
        if transaction.topics_written:
            self.outbox_written.set()
        if Topic.CLEANUP in transaction.topics_written:
            self.cleanup_written.set()


class Transaction:
    """A write transaction: rows are locked before they are read, so that what was read still holds at the commit."""

    def __init__(self, connection: AsyncConnection, database: JobDatabase) -> None:
        self.connection = connection
        self.topics_written: set[Topic] = set()
        self.claimable: dict[str, int] = {}  # microseconds until a job of this kind can be claimed
        self._database = database

    async def now_us(self) -> int:
        """Returns the database's time, in microseconds since the epoch."""
        if self.connection.dialect.name == "sqlite":
            return sqlite_now_us()
        return int((await self.connection.execute(select(now_us()))).scalar_one())

    async def lock(self, job_id: str, owner: str | None = None) -> tuple[Job, int] | None:
        """Locks a job until the end of the transaction.

        Args:
            job_id: The job.
            owner: Only a job of this owner; None: of any.

        Returns:
            The job and the time, in microseconds since the epoch; None when there is no such job.
        """
        query = _LOCK if owner is None else _LOCK.where(schema.jobs.c.owner == owner)
        row = (await self.connection.execute(query, {"job_id": job_id})).mappings().one_or_none()
        return None if row is None else (job_of(row), int(row["now_us"]))

    async def lock_free(self, job_ids: Sequence[str], count: int) -> Sequence[tuple[Job, int]]:
        """Locks the first `count` of these jobs, in this order, that are QUEUED and locked by no other transaction.

        Returns:
            Each job with the time, in microseconds since the epoch.
        """
        values = {"job_ids": list(job_ids), "order": f",{','.join(job_ids)},", "count": count}
        rows = (await self.connection.execute(_FREE[self._database.on_sqlite], values)).mappings()
        return [(job_of(row), int(row["now_us"])) for row in rows]

    async def insert(self, job: Job) -> None:
        """Inserts a new job with its first event."""
        await self.connection.execute(_INSERT_JOB, row_of(job))
        await self._record(Change((job,)), job.create_us)

    async def apply(self, before: Job, change: Change, now_us: int, *, has_partial: bool = True) -> None:
        """Writes a change of a job that `lock` returned, fenced by its epoch and state nevertheless.

        Args:
            before: The job before the change.
            change: The change.
            now_us: The time, in microseconds since the epoch.
            has_partial: False when the attempt that ends has certainly saved no partial result; otherwise that is
                deleted when no worker holds the job any more.
        """
        job, old, new = change.job, row_of(before), row_of(change.job)
        values: dict[str, Any] = {name: new[name] for name in new if new[name] != old[name]}
        fence = {"fence_id": job.id, "fence_epoch": before.epoch, "fence_state": int(before.state)}
        written = await self.connection.execute(_UPDATE_JOB, values | fence)
        if written.rowcount != 1:
            raise RuntimeError(f"job {job.id} changed under its lock")
        if has_partial and before.state.held and not job.state.held:
            await self.connection.execute(_DELETE_PARTIAL, {"job_id": job.id})
        await self._record(change, now_us)

    async def enqueue(self, topic: Topic, job: Job, due_us: int, **columns: Any) -> None:
        """Writes one outbox row, which is due at `due_us`; `columns` as in `_outbox_row`."""
        await self._write_outbox([self._outbox_row(topic, job, due_us, **columns)])

    async def publish_deletion(self, last: Job, now_us: int, *, interrupts: bool) -> None:
        """Enqueues the last event of a live job that is deleted: it is published, and not stored.

        Args:
            last: The job at its end.
            now_us: The time, in microseconds since the epoch.
            interrupts: Whether a worker holds the job, and is signalled.
        """
        rows = [self._event_row(last, JobEvent.of(last, now_us))]
        if interrupts:
            rows.append(self._hint_row(last, now_us))
        await self._write_outbox(rows)

    async def insert_placed(self, job: Job, *, max_live: int | None) -> Job | None:
        """Inserts a new job with its first event, and sets its place in the queue; see `insert_at_once`."""
        start = await insert_placed(self.connection, _without_place(job), max_live=max_live)
        if start is None:
            return None
        job = replace(job, virtual_start=start, virtual_finish=start + job.cost)
        await self._record(Change((job,)), job.create_us)
        return job

    async def insert_at_once(self, job: Job, key: Mapping[str, Any] | None, *, max_live: int | None) -> Job | None:
        """Inserts a new job with its idempotency key, first event and place in the queue, in one statement.

        Returns:
            The job with its place. None, and nothing is written, when the key is taken or the owner has `max_live` or
            more unfinished jobs.
        """
        event = JobEvent.of(job, job.create_us)
        recorded = await submit_at_once(
            self.connection,
            job=_without_place(job),
            event=event_row(event),
            outbox=self._event_row(job, event),
            key=key,
            max_live=max_live,
        )
        if recorded is None:
            return None
        start, now = recorded
        self._database.clock.observe(now)
        self.topics_written.add(Topic.EVENT)
        self.claimable[job.kind] = 0
        return replace(job, virtual_start=start, virtual_finish=start + job.cost)

    async def _record(self, change: Change, now_us: int) -> None:
        """Writes the events and outbox rows of a change, in one round trip each."""
        job = change.job
        events = [JobEvent.of(step, now_us) for step in change.steps]
        rows: list[dict[str, Any]] = []
        if change.interrupts:
            rows.append(self._hint_row(job, now_us))
        rows += [self._event_row(step, event) for step, event in zip(change.steps, events, strict=True)]
        if job.state is State.QUEUED:
            in_us = max(0, job.due_us - now_us)
            self.claimable[job.kind] = min(in_us, self.claimable.get(job.kind, in_us))
        if job.state is State.FAILED and job.failure is not None:
            await self.connection.execute(_INSERT_DEAD_LETTER, {
                "job_id": job.id, "owner": job.owner, "kind": job.kind, "revision": job.revision,
                "attempt": job.attempt, "failure_reason": job.failure.reason, "failure_message": job.failure.message,
                "spec": job.spec, "traceparent": job.traceparent, "create_us": now_us,
            })  # fmt: skip
        if job.state.terminal and _left_files(job):
            rows.append(self._outbox_row(Topic.CLEANUP, job, now_us))
        await self.connection.execute(_INSERT_EVENTS, [event_row(event) for event in events])
        await self._write_outbox(rows)

    def _event_row(self, job: Job, event: JobEvent) -> dict[str, Any]:
        return self._outbox_row(
            Topic.EVENT, job, event.time_us, payload=event.to_bytes(), message_id=f"{job.id}:e{event.seq}"
        )

    def _hint_row(self, job: Job, now_us: int) -> dict[str, Any]:
        subject = subjects.cancel_hint(job.kind, job.id)
        return self._outbox_row(Topic.HINT, job, now_us, subject=subject, payload=job.id.encode())

    def _outbox_row(
        self, topic: Topic, job: Job, due_us: int, *, subject: str = "", payload: bytes = b"", message_id: str = ""
    ) -> dict[str, Any]:
        return {
            "topic": topic.value, "job_id": job.id, "owner": job.owner, "subject": subject, "message_id": message_id,
            "payload": payload, "traceparent": job.traceparent, "origin": self._database.origin, "due_us": due_us,
        }  # fmt: skip

    async def _write_outbox(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        await self.connection.execute(_INSERT_OUTBOX, rows)
        self.topics_written.update(Topic(row["topic"]) for row in rows)


async def fetch_jobs(connection: AsyncConnection, query: Select[Any]) -> list[Job]:
    """Returns the jobs that `query` (of all columns of `jobs`) selects."""
    return [job_of(row) for row in (await connection.execute(query)).mappings()]


def _without_place(job: Job) -> dict[str, Any]:
    row = row_of(job)
    del row["virtual_start"], row["virtual_finish"]
    return row


def _left_files(job: Job) -> bool:
    """False when all stored files are those of the result: first revision, with no attempt or one that succeeded."""
    one_attempt = job.epoch == 1 and job.state is State.SUCCEEDED and not job.cached
    return job.revision > 1 or not (job.epoch == 0 or one_attempt)
