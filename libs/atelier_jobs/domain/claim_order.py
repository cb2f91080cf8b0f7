"""The order in which waiting jobs are claimed: start-time fair queueing, as pure functions of plain values.

Every job has a place in its queue's virtual time (Goyal, Vin and Cheng 1996): it starts where its owner's previous job
finishes, but not before the present, and finishes its cost later. Whoever has queued much has starts far in the future;
whoever queues little starts now. A claim takes, in this order:

1. the higher priority, where waiting raises a job's priority by one level for each `AGEING_S`;
2. the earlier round: virtual time in pieces of `QUANTUM`, which is how much a preference may delay an owner's share;
3. within a round, jobs whose model the worker has loaded;
4. the earlier virtual start, which is the owners' fair share;
5. the older job.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum

AGEING_S = 300.0
QUANTUM = 4.0


class Priority(IntEnum):
    """How urgent a job is, compared with other jobs of its kind."""

    LOW = 1
    NORMAL = 2
    HIGH = 3


@dataclass(frozen=True, slots=True)
class Place:
    """A job's place in the virtual time of its queue; the unit is that of `cost`."""

    virtual_start: float = 0.0
    virtual_finish: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What the order looks at of a QUEUED job."""

    job_id: str
    priority: Priority
    virtual_start: float
    affinity: str
    queue_us: int


def place(*, virtual_time: float, latest_finish: float, cost: float) -> Place:
    """The place of a new job.

    Args:
        virtual_time: The virtual start of the job that was claimed furthest in the queue.
        latest_finish: The latest virtual finish of its owner's live jobs of this priority; 0 when there are none.
        cost: What the job takes, in any unit that all jobs of the queue share; above 0.
    """
    start = max(virtual_time, latest_finish)
    return Place(start, start + cost)


def aged(candidate: Candidate, now_us: int) -> int:
    """The priority with what waiting has added to it; not above HIGH."""
    waited_s = max(0, now_us - candidate.queue_us) / 1e6
    return min(Priority.HIGH, candidate.priority + int(waited_s / AGEING_S))


def in_order(candidates: Sequence[Candidate], *, loaded: Collection[str], now_us: int) -> Sequence[Candidate]:
    """The candidates, best first, for a worker that has the models `loaded` in memory."""

    def key(candidate: Candidate) -> tuple[int, int, bool, float, int, str]:
        return (
            -aged(candidate, now_us),
            int(candidate.virtual_start // QUANTUM),
            candidate.affinity not in loaded,
            candidate.virtual_start,
            candidate.queue_us,
            candidate.job_id,
        )

    return sorted(candidates, key=key)
