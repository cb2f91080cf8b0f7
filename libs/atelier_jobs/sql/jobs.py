"""SQL adapter of the owner's side of the job store, on SQLite and PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Insert, bindparam, delete, func, select

from atelier_jobs import metrics
from atelier_jobs.domain import transitions
from atelier_jobs.domain.claim_order import Place, Priority
from atelier_jobs.domain.event import JobEvent
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.outbox import Topic
from atelier_jobs.domain.outcome import TransactionHook
from atelier_jobs.domain.progress import FINISHED, NOT_BEGUN
from atelier_jobs.domain.states import LIVE, State
from atelier_jobs.domain.store import NO_LIMITS, Limits, Page, QueueCounts, Submission, Submitted
from atelier_jobs.sql import schema
from atelier_jobs.sql.admission import Admission, far_from
from atelier_jobs.sql.clock import now_us
from atelier_jobs.sql.database import JobDatabase, Transaction, fetch_jobs
from atelier_jobs.sql.rows import event_of, job_of
from atelier_service.errors import AlreadyExistsError, NotFoundError
from atelier_service.sql import conflict_insert
from atelier_service.telemetry import current_traceparent, tracer

_jobs = schema.jobs.c
_keys = schema.idempotency_keys.c

# Built once: it runs every other second. Each part reads an index that holds no other jobs.
_WAITING = select(func.count(), func.min(_jobs.queue_us)).where(_jobs.kind == bindparam("kind"), schema.WAITING)
_HELD = select(func.count()).where(_jobs.kind == bindparam("kind"), schema.HELD)
_QUEUE_COUNTS = select(*_WAITING.subquery().columns, _HELD.scalar_subquery(), now_us())


class SqlJobStore:
    """A JobStore."""

    def __init__(self, database: JobDatabase) -> None:
        self._database = database
        self._admission = Admission()

    async def submit(
        self, submission: Submission, limits: Limits = NO_LIMITS, *, hook: TransactionHook | None = None
    ) -> Submitted:
        """See JobStore.submit."""
        with tracer().start_as_current_span("job.submit", attributes={"job.kind": submission.kind}) as span:
            recorded = None
            if submission.result is None and hook is None and not self._database.on_sqlite:
                recorded = await self._submit_at_once(submission, limits)
            if recorded is None:
                submitted = await self._submit_in_steps(submission, limits, hook)
                recorded = submitted.job
                if submitted.repeated:
                    span.set_attributes({"job.id": recorded.id, "job.repeated": True})
                    return submitted
            span.set_attribute("job.id", recorded.id)
        metrics.SUBMITTED.labels(kind=recorded.kind).inc()
        return Submitted(recorded, repeated=False)

    async def _submit_at_once(self, submission: Submission, limits: Limits) -> Job | None:
        """Records a job in one statement; None when it cannot: the steps then find out why, or succeed."""
        now, max_live = self._database.clock.now_us(), far_from(limits)
        if now is None or max_live == 0:
            return None
        job = _born(submission, now, submission.traceparent or current_traceparent(), Place())
        async with self._database.write_at_once() as transaction:
            if not await self._admission.is_far(transaction.connection, submission.kind, limits):
                return None
            key = _key_row(submission) | {"create_us": now} if submission.idempotency_key else None
            return await transaction.insert_at_once(job, key, max_live=max_live)

    async def _submit_in_steps(self, submission: Submission, limits: Limits, hook: TransactionHook | None) -> Submitted:
        async with self._database.write() as transaction:
            if submission.idempotency_key:
                first = await self._claim_key(transaction, submission)
                if first is not None:
                    return Submitted(first, repeated=True)
            job = await self._insert(transaction, submission, limits)
            if hook is not None:
                await hook(transaction)
        return Submitted(job, repeated=False)

    async def _insert(self, transaction: Transaction, submission: Submission, limits: Limits) -> Job:
        traceparent = submission.traceparent or current_traceparent()
        if submission.result is not None:
            job = _born(submission, await transaction.now_us(), traceparent, Place())
            await transaction.insert(job)
            return job
        max_live = far_from(limits)
        if (
            self._database.on_sqlite
            and max_live != 0
            and await self._admission.is_far(transaction.connection, submission.kind, limits)
        ):
            unplaced = _born(submission, await transaction.now_us(), traceparent, Place())
            placed = await transaction.insert_placed(unplaced, max_live=max_live)
            if placed is not None:
                return placed
        standing = await self._admission.standing(
            transaction, submission.owner, submission.kind, submission.priority, limits
        )
        standing.check()
        self._database.clock.observe(standing.now_us)
        job = _born(submission, standing.now_us, traceparent, standing.place(submission.cost))
        await transaction.insert(job)
        return job

    async def repeat_of(self, owner: str, key: str, request_hash: bytes) -> Job | None:
        """See JobStore.repeat_of."""
        query = select(_keys.request_hash, schema.jobs).join(schema.jobs, _jobs.id == _keys.job_id)
        async with self._database.read() as connection:
            row = (
                await connection.execute(query.where(_keys.owner == owner, _keys.key == key))
            ).mappings().one_or_none()  # fmt: skip
        if row is None:
            return None
        _check_same_request(row["request_hash"], request_hash)
        return job_of(row)

    async def get(self, owner: str, job_id: str) -> Job:
        """See JobStore.get."""
        query = select(schema.jobs).where(_jobs.id == job_id, _jobs.owner == owner)
        async with self._database.read() as connection:
            found = await fetch_jobs(connection, query)
        if not found:
            raise _not_found(job_id)
        return found[0]

    async def list(
        self,
        owner: str,
        *,
        kind: str,
        states: Collection[State] = (),
        parent_id: str = "",
        before: str = "",
        limit: int = 50,
    ) -> Page:
        """See JobStore.list."""
        query = select(schema.jobs).where(_jobs.owner == owner, _jobs.kind == kind)
        if states:
            query = query.where(_jobs.state.in_([int(state) for state in states]))
        if parent_id:
            query = query.where(_jobs.parent_id == parent_id)
        if before:
            query = query.where(_jobs.id < before)
        async with self._database.read() as connection:
            found = await fetch_jobs(connection, query.order_by(_jobs.id.desc()).limit(limit + 1))
        page = found[:limit]
        return Page(page, next_before=page[-1].id if len(found) > limit else "")

    async def restart(
        self,
        owner: str,
        job_id: str,
        spec: bytes,
        *,
        cost: float | None = None,
        affinity: str | None = None,
        labels: Mapping[str, str] | None = None,
        result: bytes | None = None,
        limits: Limits = NO_LIMITS,
        traceparent: str = "",
        hook: TransactionHook | None = None,
    ) -> Job:
        """See JobStore.restart."""
        with tracer().start_as_current_span("job.restart", attributes={"job.id": job_id}):
            async with self._database.write() as transaction:
                # Limits before the row: the order in which `submit` locks.
                kind, priority = await self._queue_of(transaction, owner, job_id)
                standing = await self._admission.standing(transaction, owner, kind, priority, limits)
                job, now = await self._lock(transaction, owner, job_id)
                if result is None and job.state is not State.QUEUED:
                    standing.check(already_live=job.state in LIVE)
                cost, affinity = job.cost if cost is None else cost, job.affinity if affinity is None else affinity
                change = transitions.restart(
                    job, spec, traceparent or current_traceparent(), now, result, cost=cost, affinity=affinity,
                    labels=job.labels if labels is None else labels, at=standing.place(cost),
                )  # fmt: skip
                await transaction.apply(job, change, now)
                if hook is not None:
                    await hook(transaction)
        return change.job

    async def cancel(self, owner: str, job_id: str) -> Job:
        """See JobStore.cancel."""
        async with self._database.write() as transaction:
            job, now = await self._lock(transaction, owner, job_id)
            change = transitions.cancel(job, now)
            if change is None:
                return job
            await transaction.apply(job, change, now)
        return change.job

    async def delete(self, owner: str, job_id: str) -> None:
        """See JobStore.delete."""
        async with self._database.write() as transaction:
            job, now = await self._lock(transaction, owner, job_id)
            if not job.state.terminal:
                last = transitions.supersede(job, now, transitions.DELETED)
                await transaction.publish_deletion(last, now, interrupts=job.state.held)
            if job.epoch or job.revision > 1 or job.cached:  # a cached result may refer to files of other jobs
                await transaction.enqueue(Topic.CLEANUP, job, now)
            for table in (schema.job_events, schema.partial_results, schema.idempotency_keys, schema.dead_letters):
                await transaction.connection.execute(delete(table).where(table.c.job_id == job_id))
            await transaction.connection.execute(delete(schema.jobs).where(_jobs.id == job_id))

    async def events_after(self, job_id: str, seq: int) -> Sequence[JobEvent]:
        """See JobStore.events_after."""
        columns = schema.job_events.c
        query = select(schema.job_events).where(columns.job_id == job_id, columns.seq > seq).order_by(columns.seq)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [event_of(row) for row in rows]

    async def partial(self, job: Job) -> bytes | None:
        """See JobStore.partial."""
        if not job.state.held:
            return None
        columns = schema.partial_results.c
        query = select(columns.value).where(columns.job_id == job.id, columns.epoch == job.epoch)
        async with self._database.read() as connection:
            value: bytes | None = (await connection.execute(query)).scalar_one_or_none()
        return value

    async def queue_counts(self, kind: str) -> QueueCounts:
        """See JobStore.queue_counts; also sets the gauges of this process."""
        async with self._database.read() as connection:
            row = (await connection.execute(_QUEUE_COUNTS, {"kind": kind})).one()
        queued, oldest_us, running, now = tuple(row)
        oldest_wait_s = max(0.0, (now - oldest_us) / 1e6) if queued else 0.0
        metrics.QUEUED.labels(kind=kind).set(queued)
        metrics.RUNNING.labels(kind=kind).set(running)
        metrics.OLDEST_WAIT.labels(kind=kind).set(oldest_wait_s)
        return QueueCounts(queued, running, oldest_wait_s)

    async def _lock(self, transaction: Transaction, owner: str, job_id: str) -> tuple[Job, int]:
        locked = await transaction.lock(job_id, owner)
        if locked is None:
            raise _not_found(job_id)
        return locked

    async def _queue_of(self, transaction: Transaction, owner: str, job_id: str) -> tuple[str, Priority]:
        query = select(_jobs.kind, _jobs.priority).where(_jobs.id == job_id, _jobs.owner == owner)
        row = (await transaction.connection.execute(query)).one_or_none()
        if row is None:
            raise _not_found(job_id)
        return row.kind, Priority(row.priority)

    async def _claim_key(self, transaction: Transaction, submission: Submission) -> Job | None:
        """Records the key for this job, or returns the job that has it.

        Two at the same time: the second waits for the first to commit (PostgreSQL at the unique index, SQLite at the
        write lock), and then sees its row.
        """
        values = _key_row(submission) | {"create_us": now_us()}
        taken = await transaction.connection.execute(self._insert_if_new(values))
        if taken.rowcount == 1:
            return None
        query = select(_keys.request_hash, _keys.job_id).where(
            _keys.owner == submission.owner, _keys.key == submission.idempotency_key
        )
        row = (await transaction.connection.execute(query)).one()
        _check_same_request(row.request_hash, submission.request_hash)
        first = await fetch_jobs(transaction.connection, select(schema.jobs).where(_jobs.id == row.job_id))
        return first[0]

    def _insert_if_new(self, values: dict[str, Any]) -> Insert:
        insert = conflict_insert(self._database.engine.dialect.name, schema.idempotency_keys)
        return insert.values(**values).on_conflict_do_nothing()


def _born(submission: Submission, now: int, traceparent: str, at: Place) -> Job:
    done = submission.result is not None
    return Job(
        id=submission.job_id, owner=submission.owner, kind=submission.kind,
        state=State.SUCCEEDED if done else State.QUEUED, revision=1, spec=submission.spec, result=submission.result,
        failure=None, attempt=0, faults=0, max_attempts=submission.max_attempts, epoch=0, worker="",
        lease_until_us=0, progress=FINISHED if done else NOT_BEGUN, seq=1, traceparent=traceparent, cached=done,
        create_us=now, queue_us=now, start_us=0, finish_us=now if done else 0, priority=submission.priority,
        parent_id=submission.parent_id, labels=dict(submission.labels), cost=submission.cost,
        affinity=submission.affinity, virtual_start=at.virtual_start, virtual_finish=at.virtual_finish,
    )  # fmt: skip


def _key_row(submission: Submission) -> dict[str, Any]:
    return {
        "owner": submission.owner, "key": submission.idempotency_key, "request_hash": submission.request_hash,
        "job_id": submission.job_id,
    }  # fmt: skip


def _check_same_request(first: bytes, second: bytes) -> None:
    if first != second:
        raise AlreadyExistsError("IDEMPOTENCY_KEY_REUSED", "This idempotency key was used before, for another request.")


def _not_found(job_id: str) -> NotFoundError:
    return NotFoundError("JOB_NOT_FOUND", "There is no such job.", metadata={"job_id": job_id})
