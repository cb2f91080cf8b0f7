"""SQL adapter of the worker's side of the job store: claims and fenced writes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, Select, case, exists, literal, select, update

from atelier_jobs import metrics
from atelier_jobs.domain import transitions
from atelier_jobs.domain.claim_order import in_order
from atelier_jobs.domain.claims import Claim, ClaimRequest, Renewal
from atelier_jobs.domain.job import Failure, Job
from atelier_jobs.domain.outbox import Topic
from atelier_jobs.domain.outcome import Outcome, OutcomeHook, TransactionHook
from atelier_jobs.domain.progress import Progress
from atelier_jobs.domain.states import State
from atelier_jobs.domain.transitions import Change
from atelier_jobs.sql import schema
from atelier_jobs.sql.clock import now_us
from atelier_jobs.sql.database import JobDatabase, Transaction, fetch_jobs
from atelier_jobs.sql.queue_heads import read_heads
from atelier_jobs.sql.rows import progress_columns
from atelier_service.sql import conflict_insert, upsert

_jobs = schema.jobs.c

_HEADS = 8  # of each priority; more than one because of loaded models and of concurrent claims
_READS = 4


def _no_hook(_job: Job, _outcome: Outcome) -> None:
    return None


class SqlClaimStore:
    """A ClaimStore, and the HeldJobs of the same database."""

    def __init__(self, database: JobDatabase, outcome_hook: OutcomeHook = _no_hook) -> None:
        """`outcome_hook` makes the hook that is called in the transaction of each success."""
        self._database = database
        self._outcome_hook = outcome_hook

    async def claim(self, request: ClaimRequest) -> Sequence[Claim]:
        """See ClaimStore.claim.

        The heads of the queue are read without a lock, and the best of them that no other transaction has locked are
        locked. When other workers have claimed some meanwhile, more heads are read.
        """
        claims: list[Claim] = []
        heads = max(_HEADS, 4 * request.max_jobs)
        async with self._database.write() as transaction:
            for _ in range(_READS):
                candidates, now = await read_heads(transaction.connection, request, heads)
                if not candidates:
                    break
                ids = [candidate.job_id for candidate in in_order(candidates, loaded=request.loaded, now_us=now)]
                claims += await self._take(transaction, request, ids, request.max_jobs - len(claims))
                if len(claims) == request.max_jobs or len(candidates) < heads:
                    break
                heads *= 2
        for claim in claims:
            metrics.WAIT.labels(kind=request.kind).observe(max(0, claim.job.start_us - claim.job.queue_us) / 1e6)
        return claims

    async def _take(
        self, transaction: Transaction, request: ClaimRequest, job_ids: Sequence[str], count: int
    ) -> Sequence[Claim]:
        """Claims the first `count` of these jobs that are still free."""
        claims = []
        for job, now in await transaction.lock_free(job_ids, count):
            change = transitions.claim(job, request.worker_id, now, int(request.lease_s * 1e6))
            if change is not None:
                await transaction.apply(job, change, now)
                claims.append(Claim(change.job, request.lease_s))
        return claims

    async def renew(self, claim: Claim, progress: Progress | None = None) -> Renewal:
        """See ClaimStore.renew."""
        renewed = (
            update(schema.jobs)
            .where(*_holds(claim))
            .values(lease_until_us=now_us() + int(claim.lease_s * 1e6), **_advanced(progress))
            .returning(_jobs.state)
        )
        async with self._database.write() as transaction:
            state = (await transaction.connection.execute(renewed)).scalar_one_or_none()
        if state is None:
            return Renewal(mine=False)
        return Renewal(mine=True, cancel_requested=state == State.CANCELING)

    async def held_by(self, kind: str, worker_id: str) -> Sequence[Job]:
        """See HeldJobs.held_by."""
        held = select(schema.jobs).where(schema.HELD, _jobs.kind == kind, _jobs.worker == worker_id)
        async with self._database.read() as connection:
            return await fetch_jobs(connection, held)

    async def save_partial(self, claim: Claim, partial: bytes) -> bool:
        """See ClaimStore.save_partial."""
        # FOR SHARE (PostgreSQL): a concurrent end of the attempt is waited for, or deletes what was saved.
        held = (
            select(_jobs.id, _jobs.epoch, literal(partial, LargeBinary))
            .where(*_holds(claim))
            .with_for_update(read=True)
        )
        async with self._database.write() as transaction:
            insert = conflict_insert(self._database.engine.dialect.name, schema.partial_results)
            insert = insert.from_select(["job_id", "epoch", "value"], held)
            saved = await transaction.connection.execute(upsert(insert, ["job_id"], ["epoch", "value"]))
            return saved.rowcount == 1

    async def complete(self, claim: Claim, outcome: Outcome) -> bool:
        """See ClaimStore.complete."""
        return await self._finish(
            claim,
            lambda job, now: transitions.succeed(job, outcome.result, now),
            # A repeat: the first call was committed and only its reply was lost.
            done=lambda job: job.state is State.SUCCEEDED and job.result == outcome.result,
            hook_of=lambda job: self._outcome_hook(job, outcome),
        )

    async def fail(self, claim: Claim, failure: Failure, *, retryable: bool = True, delay_s: float = 1.0) -> bool:
        """See ClaimStore.fail."""
        delay_us = int(delay_s * 1e6)
        return await self._finish(
            claim,
            lambda job, now: transitions.fail(job, failure, now, retryable=retryable, delay_us=delay_us),
        )

    async def release(self, claim: Claim, *, delay_s: float = 0.0) -> bool:
        """See ClaimStore.release."""
        delay_us = int(delay_s * 1e6)
        return await self._finish(claim, lambda job, now: transitions.release(job, now, delay_us=delay_us))

    async def cancel_done(self, claim: Claim) -> bool:
        """See ClaimStore.cancel_done."""
        return await self._finish(claim, transitions.stopped, done=lambda job: job.state is State.CANCELED)

    async def discard(self, claim: Claim) -> None:
        """See ClaimStore.discard."""
        async with self._database.write() as transaction:
            found = await fetch_jobs(transaction.connection, select(schema.jobs).where(_jobs.id == claim.job.id))
            was_here = bool(found) or await transaction.connection.scalar(_was_deleted(claim.job.id))
            if was_here:
                await transaction.enqueue(Topic.CLEANUP, next(iter(found), claim.job), await transaction.now_us())

    async def _finish(
        self,
        claim: Claim,
        decide: Callable[[Job, int], Change | None],
        *,
        done: Callable[[Job], bool] = lambda _job: False,
        hook_of: Callable[[Job], TransactionHook | None] = lambda _job: None,
    ) -> bool:
        """Applies `decide` if the claim still holds; returns True also when it was applied before (`done`)."""
        async with self._database.write() as transaction:
            locked = await transaction.lock(claim.job.id)
            if locked is None or locked[0].epoch != claim.epoch:
                return False
            job, now = locked
            if not job.state.held:
                return done(job)
            if job.worker != claim.job.worker:
                return False
            if claim.progress is not None and not claim.progress.is_behind(job.progress):
                change = decide(replace(job, progress=claim.progress), now)
            else:
                change = decide(job, now)
            if change is None:
                return False
            await transaction.apply(job, change, now, has_partial=claim.has_partial)
            hook = hook_of(change.job)
            if hook is not None:
                await hook(transaction)
        count_end(change.job)
        return True


def _was_deleted(job_id: str) -> Select[tuple[bool]]:
    """Whether there was such a job within the last hour: what was published of it stays in the outbox for so long.

    Storage removes by id whatever a job of any kind has stored, so an id that a worker made up must not get there.
    """
    return select(exists().where(schema.outbox.c.job_id == job_id))


def _holds(claim: Claim) -> tuple[ColumnElement[Any], ...]:
    return (
        _jobs.id == claim.job.id,
        _jobs.epoch == claim.epoch,
        _jobs.worker == claim.job.worker,
        schema.HELD,
    )


def _advanced(progress: Progress | None) -> dict[str, ColumnElement[Any]]:
    """Returns the columns of a progress, unless the row's is further: renewals may arrive out of order."""
    if progress is None:
        return {}
    is_further = _jobs.progress_fraction > progress.fraction
    return {name: case((is_further, _jobs[name]), else_=value) for name, value in progress_columns(progress).items()}


def count_end(job: Job) -> None:
    """Counts the end of an attempt in the metrics, by the job's state after it."""
    if job.state is State.QUEUED:
        metrics.RETRIED.labels(kind=job.kind).inc()
    else:
        metrics.ENDED.labels(kind=job.kind, state=job.state.name).inc()
    if job.failure is not None:
        metrics.FAILED.labels(kind=job.kind, reason=job.failure.reason).inc()
