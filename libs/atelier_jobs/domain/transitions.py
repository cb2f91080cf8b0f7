"""Transitions of jobs: pure functions of plain values, which the store applies inside a transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from atelier_jobs.domain.claim_order import Place
from atelier_jobs.domain.job import Failure, Job
from atelier_jobs.domain.progress import FINISHED, NOT_BEGUN
from atelier_jobs.domain.states import Move, State, after

WORKER_LOST = Failure("WORKER_LOST", "The worker was lost in the middle of the job.")
SUPERSEDED = Failure("SUPERSEDED", "The job was made anew with other parameters.")
DELETED = Failure("DELETED", "The job was deleted.")

MAX_DELAY_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Change:
    """What the store writes.

    Attributes:
        steps: The job after each step of the change; each becomes one stored event.
        interrupts: True when a worker holds the job and must renew its lease now, to learn of the change.
    """

    steps: tuple[Job, ...]
    interrupts: bool = False

    @property
    def job(self) -> Job:
        """The job as it stands after the change."""
        return self.steps[-1]


def _move(job: Job, move: Move, **fields: Any) -> Job:
    """`job` after `move`, one event further."""
    return replace(job, state=after(job.state, move), seq=job.seq + 1, **fields)


def _ended(job: Job, move: Move, now_us: int, **fields: Any) -> Job:
    return _move(job, move, finish_us=now_us, lease_until_us=0, worker="", **fields)


def _requeued(job: Job, now_us: int, delay_us: int, faults: int) -> Change:
    queued = _move(
        job, Move.RETRY, faults=faults, queue_us=now_us, due_us=now_us + delay_us, lease_until_us=0, worker="",
        progress=NOT_BEGUN,
    )  # fmt: skip
    return Change((queued,))


def claim(job: Job, worker: str, now_us: int, lease_us: int) -> Change | None:
    """Claims a QUEUED job for a worker; None for a job that is held, ended or not due yet."""
    if job.state is not State.QUEUED or job.due_us > now_us:
        return None
    running = _move(
        job, Move.CLAIM, epoch=job.epoch + 1, attempt=job.attempt + 1, worker=worker, lease_until_us=now_us + lease_us,
        start_us=job.start_us or now_us, progress=NOT_BEGUN,
    )  # fmt: skip
    return Change((running,))


def succeed(job: Job, result: bytes, now_us: int) -> Change | None:
    """Ends a job as SUCCEEDED; None for a job that is being cancelled, which must end as CANCELED instead."""
    if job.state is not State.RUNNING:
        return None
    progress = replace(job.progress, done=job.progress.total or job.progress.done, fraction=1.0)
    return Change((_ended(job, Move.SUCCEED, now_us, result=result, progress=progress),))


def stopped(job: Job, now_us: int) -> Change | None:
    """Ends a job as CANCELED after its worker has stopped; None when no stop was requested."""
    if job.state is not State.CANCELING:
        return None
    return Change((_ended(job, Move.STOPPED, now_us),))


def fail(job: Job, failure: Failure, now_us: int, *, retryable: bool, delay_us: int) -> Change:
    """Counts a fault: the job is queued again after a delay that doubles with each fault, or it is FAILED."""
    if job.state is State.CANCELING:
        return Change((_ended(job, Move.STOPPED, now_us),))
    faults = job.faults + 1
    if retryable and faults < job.max_attempts:
        return _requeued(job, now_us, min(delay_us << (faults - 1), MAX_DELAY_US), faults)
    return Change((_ended(job, Move.FAIL, now_us, faults=faults, failure=failure),))


def release(job: Job, now_us: int, *, delay_us: int) -> Change:
    """Returns the job to the queue without a fault."""
    if job.state is State.CANCELING:
        return Change((_ended(job, Move.STOPPED, now_us),))
    return _requeued(job, now_us, delay_us, job.faults)


def expire(job: Job, now_us: int, *, delay_us: int) -> Change | None:
    """Ends an attempt whose lease has expired; None while the lease runs.

    It counts as a fault: the job itself may have crashed its worker.
    """
    if not job.state.held or job.lease_until_us >= now_us:
        return None
    return fail(job, WORKER_LOST, now_us, retryable=True, delay_us=delay_us)


def cancel(job: Job, now_us: int) -> Change | None:
    """Requests a stop on behalf of the owner; None when there is nothing to stop."""
    if job.state is State.QUEUED:
        return Change((_ended(job, Move.CANCEL, now_us),))
    if job.state is State.RUNNING:
        return Change((_move(job, Move.CANCEL),), interrupts=True)
    return None


def supersede(job: Job, now_us: int, why: Failure) -> Job:
    """Ends a live revision that the owner has replaced or deleted; its attempt is fenced."""
    return _ended(job, Move.SUPERSEDE, now_us, epoch=job.epoch + 1, failure=why)


def restart(
    job: Job,
    spec: bytes,
    traceparent: str,
    now_us: int,
    result: bytes | None,
    *,
    cost: float,
    affinity: str,
    labels: Mapping[str, str],
    at: Place,
) -> Change:
    """Gives a job another spec: in place while no worker has claimed it, otherwise as the next revision.

    Args:
        job: The job before the change.
        spec: The new spec.
        traceparent: W3C trace context of the request.
        now_us: The time, in microseconds since the epoch.
        result: The result of the new spec when the content cache has it; None otherwise.
        cost: Cost of the new spec.
        affinity: Affinity key of the new spec.
        labels: The owner's own names and values.
        at: The place in the queue of a new job. A job that changes in place keeps its own unless it comes to cost
            more: else an owner would queue much at the price of little.
    """
    fresh = job.state is State.QUEUED and job.attempt == 0
    steps: tuple[Job, ...] = ()
    interrupts = job.state.held
    if not fresh:
        if not job.state.terminal:
            job = supersede(job, now_us, SUPERSEDED)
            steps = (job,)
        job = replace(job, revision=job.revision + 1, attempt=0, faults=0)
    start = job.virtual_start if fresh and cost <= job.cost else at.virtual_start
    changed: dict[str, Any] = {
        "spec": spec, "traceparent": traceparent, "result": None, "failure": None, "cached": False,
        "progress": NOT_BEGUN, "start_us": 0, "finish_us": 0, "queue_us": now_us, "due_us": now_us,
        "cost": cost, "affinity": affinity, "labels": dict(labels),
        "virtual_start": start, "virtual_finish": start + cost,
    }  # fmt: skip
    queued = _move(job, Move.RESPEC if fresh else Move.RESTART, **changed)
    if result is not None:
        # No event of its own: to a watcher the revision begins with its result.
        born = _ended(queued, Move.CACHE_HIT, now_us, result=result, cached=True, progress=FINISHED)
        return Change((*steps, replace(born, seq=queued.seq)), interrupts=interrupts)
    return Change((*steps, queued), interrupts=interrupts)
