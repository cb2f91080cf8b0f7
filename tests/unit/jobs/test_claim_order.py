"""The order of claims, as pure functions: priorities, fair shares, loaded models, age."""

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from atelier_jobs.domain.claim_order import (
    AGEING_S,
    LATE_EVERY,
    QUANTUM,
    Candidate,
    Place,
    Priority,
    in_order,
    levels_waited,
    place,
)

NOW_US = 10_000_000_000


def _candidate(
    job_id: str,
    *,
    priority: Priority = Priority.NORMAL,
    start: float = 0.0,
    affinity: str = "",
    waited_s: float = 0.0,
) -> Candidate:
    return Candidate(
        job_id=job_id, priority=priority, virtual_start=start, affinity=affinity, queue_us=NOW_US - int(waited_s * 1e6)
    )


def _ids(*candidates: Candidate, loaded: frozenset[str] = frozenset()) -> list[str]:
    return [candidate.job_id for candidate in in_order(candidates, loaded=loaded, now_us=NOW_US)]


def test_the_higher_priority_comes_first_whatever_its_share() -> None:
    low, normal = _candidate("low", priority=Priority.LOW), _candidate("normal", start=100)
    assert _ids(low, normal, _candidate("high", priority=Priority.HIGH, start=900)) == ["high", "normal", "low"]


def test_a_priority_is_late_by_the_wait_of_its_oldest_job() -> None:
    waits = [levels_waited([_candidate("j"), _candidate("k", waited_s=n * AGEING_S)], NOW_US) for n in (0, 0.9, 1, 2.5)]
    assert waits == [0, 0, 1, 2]


def test_a_clock_that_went_back_delays_no_job() -> None:
    assert levels_waited([_candidate("j", waited_s=-1000)], NOW_US) == 0


def test_an_owner_who_has_just_come_is_next_however_long_the_jobs_of_another_have_waited() -> None:
    old = [_candidate(f"old-{number}", start=5.0 + number, waited_s=10 * AGEING_S) for number in range(8)]
    assert _ids(*old, _candidate("new", start=4.0))[0] == "new"


def test_within_a_priority_the_smaller_share_comes_first() -> None:
    assert _ids(_candidate("much", start=3 * QUANTUM, waited_s=60), _candidate("little", start=0)) == ["little", "much"]


def test_a_loaded_model_comes_first_within_a_round_and_not_across_rounds() -> None:
    cold, warm = _candidate("cold", affinity="a", start=0), _candidate("warm", affinity="b", start=QUANTUM - 1)
    later = _candidate("later", affinity="b", start=QUANTUM)
    assert _ids(cold, warm, later, loaded=frozenset("b")) == ["warm", "cold", "later"]
    assert _ids(cold, warm, later) == ["cold", "warm", "later"]


def test_of_equal_jobs_the_older_comes_first() -> None:
    assert _ids(_candidate("young", waited_s=1), _candidate("old", waited_s=2)) == ["old", "young"]


def test_an_owner_with_nothing_unfinished_starts_now_and_one_with_much_after_it() -> None:
    assert place(virtual_time=7, latest_finish=0, cost=2) == Place(7, 9)
    assert place(virtual_time=7, latest_finish=30, cost=2) == Place(30, 32)


@dataclass
class _Queue:
    """A queue in memory, with the places that the store would give, served one job at a time."""

    waiting: dict[str, Candidate] = field(default_factory=dict)
    costs: dict[str, tuple[str, float]] = field(default_factory=dict)
    finishes: dict[tuple[str, Priority], float] = field(default_factory=dict)
    virtual_times: dict[Priority, float] = field(default_factory=dict)
    now_us: int = NOW_US

    def submit(self, owner: str, cost: float, priority: Priority = Priority.NORMAL) -> str:
        job_id = f"{len(self.costs):06d}"
        at = place(
            virtual_time=self.virtual_times.get(priority, 0.0),
            latest_finish=self.finishes.get((owner, priority), 0.0),
            cost=cost,
        )
        self.finishes[owner, priority] = at.virtual_finish
        self.costs[job_id] = owner, cost
        self.waiting[job_id] = Candidate(
            job_id=job_id, priority=priority, virtual_start=at.virtual_start, affinity="", queue_us=self.now_us
        )
        return job_id

    def claim(self) -> tuple[str, float]:
        """Owner and cost of the next job."""
        first = in_order(list(self.waiting.values()), loaded=(), now_us=self.now_us)[0]
        del self.waiting[first.job_id]
        self.virtual_times[first.priority] = max(self.virtual_times.get(first.priority, 0.0), first.virtual_start)
        return self.costs[first.job_id]


def test_one_job_of_another_owner_is_next_after_one_of_five_hundred() -> None:
    queue = _Queue()
    for _ in range(500):
        queue.submit("much", 1.0)
    assert queue.claim()[0] == "much"
    queue.submit("little", 1.0)
    assert queue.claim()[0] == "little"


@pytest.mark.parametrize("seed", range(5))
def test_owners_who_always_wait_get_equal_shares_whatever_they_submit_and_when(seed: int) -> None:
    random_numbers = random.Random(seed)
    queue, served = _Queue(), Counter[str]()
    owners = {"small": (0.2, 0.5), "middle": (0.5, 2.0), "large": (2.0, 5.0)}
    for _ in range(2_000):
        for owner, costs in owners.items():
            # As it comes, but never nothing: an owner who does not wait loses a share by right.
            waits = sum(queue.costs[job_id][0] == owner for job_id in queue.waiting)
            for _ in range(random_numbers.choice((0, 0, 1, 5)) if 0 < waits < 20 else not waits):
                queue.submit(owner, random_numbers.uniform(*costs))
        owner, cost = queue.claim()
        served[owner] += cost  # type: ignore[assignment]  # a Counter of costs
    share = sum(served.values()) / len(owners)
    assert all(abs(served[owner] - share) / share < 0.05 for owner in owners), served


def test_a_low_job_is_served_though_higher_ones_never_end() -> None:
    queue = _Queue()
    queue.submit("patient", 1.0, Priority.LOW)
    for number in range(1_000):
        queue.submit(f"hasty-{number % 7}", 1.0, Priority.HIGH)
        queue.now_us += 1_000_000
        if queue.claim()[0] == "patient":
            break
    else:
        pytest.fail("it starved")
    assert (queue.now_us - NOW_US) / 1e6 <= 2 * AGEING_S + 10 * LATE_EVERY


@pytest.mark.parametrize("urgent", [Priority.NORMAL, Priority.HIGH])
def test_a_flood_of_low_jobs_that_have_waited_for_hours_takes_its_share_and_no_more(urgent: Priority) -> None:
    queue, served = _Queue(), Counter[str]()
    for _ in range(500):
        queue.submit("flood", 1.0, Priority.LOW)
    queue.now_us += int(3600 * 1e6)
    for number in range(400):
        queue.submit(f"hasty-{number % 7}", 1.0, urgent)
        queue.now_us += 1_000_000
        served[queue.claim()[0].split("-")[0]] += 1
    assert abs(served["flood"] / 400 - 1 / LATE_EVERY) < 0.05, served
