"""The checker of recorded histories: did every accepted job end exactly once, by legal moves only?

Fault tests pass it what was recorded; it returns the violations as text.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from atelier_jobs.domain.event import JobEvent
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.states import State, follows


@dataclass(frozen=True, slots=True)
class Output:
    """A stored output of a job: its epoch, and a digest of its bytes."""

    epoch: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What was recorded.

    Attributes:
        accepted: Ids that submits returned, without those of deleted jobs.
        jobs: Their rows.
        events: Their stored events.
        submits: (owner, idempotency key, job id) of every submit under a key.
        outputs: Stored outputs by job id; not checked for jobs without an entry.
        expected: Digest of the right output by job id; not checked for jobs without an entry.
    """

    accepted: Sequence[str]
    jobs: Sequence[Job]
    events: Sequence[JobEvent]
    submits: Sequence[tuple[str, str, str]] = ()
    outputs: Mapping[str, Sequence[Output]] = field(default_factory=dict)
    expected: Mapping[str, str] = field(default_factory=dict)


def check(history: History) -> list[str]:
    """Returns every violation as text; an empty list for a correct history."""
    jobs = {job.id: job for job in history.jobs}
    events: dict[str, list[JobEvent]] = {job_id: [] for job_id in jobs}
    for event in history.events:
        events.setdefault(event.job_id, []).append(event)
    return [
        *_lost(history.accepted, jobs),
        *_keys(history.submits),
        *(f"{job_id}: {wrong}" for job_id, stored in events.items() for wrong in _events(jobs.get(job_id), stored)),
        *(f"{job.id}: {wrong}" for job in history.jobs for wrong in _result(job, history)),
    ]


def _lost(accepted: Iterable[str], jobs: Mapping[str, Job]) -> Iterator[str]:
    for job_id in accepted:
        if job_id not in jobs:
            yield f"{job_id}: was accepted and is not there"


def _keys(submits: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    made: dict[tuple[str, str], set[str]] = {}
    for owner, key, job_id in submits:
        made.setdefault((owner, key), set()).add(job_id)
    for (owner, key), ids in made.items():
        if len(ids) > 1:
            yield f"key {key!r} of {owner} made {len(ids)} jobs"


def _events(job: Job | None, stored: list[JobEvent]) -> Iterator[str]:
    """One job's events against each other, and against its row."""
    if job is None:
        yield "has events and no row"
        return
    if not job.state.terminal:
        yield f"never ended: it is {job.state.name}"
    stored = sorted(stored, key=lambda event: event.seq)
    if [event.seq for event in stored] != list(range(1, job.seq + 1)):
        yield f"events are not numbered 1 to {job.seq}: {[event.seq for event in stored]}"
    if not stored:
        return
    yield from _first(stored[0])
    for before, event in pairwise(stored):
        yield from _step(before, event)
    for revision, group in groupby(stored, key=lambda event: event.revision):
        ends = sum(event.state.terminal for event in group)
        if ends != 1 and (ends > 1 or revision != job.revision or job.state.terminal):
            yield f"revision {revision} ended {ends} times"
    last = stored[-1]
    if (last.state, last.revision, last.epoch) != (job.state, job.revision, job.epoch):
        yield f"its row says {job.state.name}, its last event {last.state.name}"


def _first(event: JobEvent) -> Iterator[str]:
    if event.state not in (State.QUEUED, State.SUCCEEDED) or event.revision != 1:
        yield f"was born {event.state.name} in revision {event.revision}"


def _step(before: JobEvent, event: JobEvent) -> Iterator[str]:
    """Two events that follow one another."""
    moved = f"{before.state.name} → {event.state.name} (event {event.seq})"
    if event.revision == before.revision:
        if before.state.terminal:
            yield f"went on after its end: {moved}"
        elif not follows(before.state, event.state):
            yield f"illegal move {moved}"
    elif event.revision != before.revision + 1:
        yield f"revision went from {before.revision} to {event.revision}"
    elif not before.state.terminal or event.state not in (State.QUEUED, State.SUCCEEDED):
        yield f"illegal start of revision {event.revision}: {moved}"
    if event.epoch < before.epoch:
        yield f"epoch went back from {before.epoch} to {event.epoch}"
    if event.state is State.RUNNING and event.epoch != before.epoch + 1:
        yield f"a claim took epoch {event.epoch} after {before.epoch}"


def _result(job: Job, history: History) -> Iterator[str]:
    """What is stored, against what the job says."""
    if (job.result is not None) != (job.state is State.SUCCEEDED):
        yield f"is {job.state.name} {'with' if job.result is not None else 'without'} a result"
    if (job.state is State.FAILED) and job.failure is None:
        yield "FAILED without a reason"
    if job.faults > job.max_attempts:
        yield f"was tried {job.faults} times, {job.max_attempts} are allowed"
    outputs = history.outputs.get(job.id, ())
    epochs = Counter(output.epoch for output in outputs)
    if job.state is State.SUCCEEDED and job.id in history.outputs and not job.cached and not epochs[job.epoch]:
        yield f"SUCCEEDED in epoch {job.epoch}, and stored nothing under it"
    expected = history.expected.get(job.id)
    for output in outputs:
        if output.epoch == job.epoch and expected is not None and output.digest != expected:
            yield f"holds the wrong output: {output.digest} instead of {expected}"
