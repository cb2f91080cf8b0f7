"""The order in which waiting jobs are claimed: start-time fair queueing, as pure functions of plain values.

Every job has a place in the virtual time of its queue (Goyal, Vin and Cheng 1996), and each priority of a kind is such
a queue: a job starts where its owner's previous job finishes, but not before the present, and finishes its cost later.
The next job of an owner with many queued jobs starts far in the future, that of an owner with none starts now. A claim
takes, in this order:

1. the higher priority; but one whose oldest job has waited for `AGEING_S` for each level that it is below is late, and
   gets one claim in `LATE_EVERY`. So no priority starves, and none is overtaken by a lower one that queues much;
2. the earlier round: virtual time in pieces of `QUANTUM`, which is how much a preference may delay an owner's share;
3. within a round, jobs whose model the worker has loaded;
4. the earlier virtual start, which is the owners' fair share;
5. the older job.

How long a job has waited decides nothing between owners of one priority: the share of one who has just come is as large
as that of one whose jobs have waited for hours.
"""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from zlib import crc32

AGEING_S = 300.0
LATE_EVERY = 4
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
    """The fields of a QUEUED job by which candidates are ordered."""

    job_id: str
    priority: Priority
    virtual_start: float
    affinity: str
    queue_us: int


def place(*, virtual_time: float, latest_finish: float, cost: float) -> Place:
    """Returns the place of a new job.

    Args:
        virtual_time: The greatest virtual start of all jobs of this priority that were claimed.
        latest_finish: The latest virtual finish of its owner's live jobs of this priority; 0 when there are none.
        cost: Work of the job, in any unit that all jobs of the queue share; above 0.
    """
    start = max(virtual_time, latest_finish)
    return Place(start, start + cost)


def levels_waited(candidates: Sequence[Candidate], now_us: int) -> int:
    """Returns how many times `AGEING_S` the oldest of these has waited; at least 0, also when the clock went back."""
    oldest_us = min(candidate.queue_us for candidate in candidates)
    return max(0, int((now_us - oldest_us) / 1e6 / AGEING_S))


def in_order(candidates: Sequence[Candidate], *, loaded: Collection[str], now_us: int) -> Sequence[Candidate]:
    """Returns the candidates, best first.

    Args:
        candidates: Claimable jobs of one queue.
        loaded: Affinity keys (ids of models) that the worker has in memory.
        now_us: The time, in microseconds since the epoch.
    """

    def share(candidate: Candidate) -> tuple[int, bool, float, int, str]:
        return (
            int(candidate.virtual_start // QUANTUM),
            candidate.affinity not in loaded,
            candidate.virtual_start,
            candidate.queue_us,
            candidate.job_id,
        )

    queues = {}
    for priority in reversed(Priority):
        queue = sorted((candidate for candidate in candidates if candidate.priority is priority), key=share)
        if queue:
            queues[priority] = deque(queue)
    waited = {priority: levels_waited(queue, now_us) for priority, queue in queues.items()}
    ordered = []
    while queues:
        priority = _next_priority([queue[0] for queue in queues.values()], waited, now_us)
        ordered.append(queues[priority].popleft())
        if not queues[priority]:
            del queues[priority]
    return ordered


def _next_priority(heads: Sequence[Candidate], waited: Mapping[Priority, int], now_us: int) -> Priority:
    """Whose turn it is, by the first job of each priority, the highest priority first."""
    highest, *lower = heads
    for head in lower:
        if waited[head.priority] >= highest.priority - head.priority and _draws(highest, head, now_us):
            return head.priority
    return highest.priority


def _draws(highest: Candidate, late: Candidate, now_us: int) -> bool:
    """Whether a late priority gets this claim: a lottery with one ticket in LATE_EVERY, which needs no memory of who
    got the claims before, and whose tickets are all that is known of the claim."""
    return crc32(f"{now_us} {highest.job_id} {late.job_id}".encode()) % LATE_EVERY == 0
