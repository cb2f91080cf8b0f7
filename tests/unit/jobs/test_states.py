"""The table of legal moves, and random walks through it."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from atelier.jobs.v1 import job_pb2
from atelier_jobs.domain import transitions
from atelier_jobs.domain.claim_order import Place
from atelier_jobs.domain.event import JobEvent
from atelier_jobs.domain.history import History, check
from atelier_jobs.domain.job import Failure, Job
from atelier_jobs.domain.progress import NOT_BEGUN
from atelier_jobs.domain.states import LEGAL, TERMINAL, IllegalMoveError, Move, State, after, follows
from atelier_jobs.domain.transitions import Change

NEW = Job(
    id="job", owner="ada", kind="image", state=State.QUEUED, revision=1, spec=b"", result=None, failure=None, attempt=0,
    faults=0, max_attempts=3, epoch=0, worker="", lease_until_us=0, progress=NOT_BEGUN, seq=1,
    traceparent="", cached=False, create_us=1, queue_us=1, start_us=0, finish_us=0,
)  # fmt: skip


def test_states_are_those_of_the_contract() -> None:
    assert {state.name: int(state) for state in State} == {
        name: value for name, value in job_pb2.State.items() if value
    }


def test_an_end_is_left_by_making_the_job_anew_only() -> None:
    assert {move for state, move in LEGAL if state in TERMINAL} == {Move.RESTART}


def test_a_move_that_the_table_does_not_know_is_refused() -> None:
    with pytest.raises(IllegalMoveError):
        after(State.SUCCEEDED, Move.CLAIM)
    assert follows(State.RUNNING, State.QUEUED)
    assert not follows(State.QUEUED, State.FAILED)


class Walk(RuleBasedStateMachine):
    """Owner, workers, zombies and a reconciler pull at one job in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.job = NEW
        self.now = 10
        self.told = [JobEvent.of(NEW, 0)]
        self.epochs = {0}

    def _apply(self, change: Change | None) -> None:
        if change is None:
            return
        self.told += [JobEvent.of(step, self.now) for step in change.steps]
        self.job = change.job

    @rule(seconds=st.integers(1, 40))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * 1_000_000

    @rule()
    def a_worker_claims(self) -> None:
        before = self.job.epoch
        self._apply(transitions.claim(self.job, "w", self.now, 15_000_000))
        if self.job.epoch != before:
            assert self.job.epoch not in self.epochs
            self.epochs.add(self.job.epoch)

    @precondition(lambda self: self.job.state.held)
    @rule(data=st.data())
    def its_worker_writes(self, data: st.DataObject) -> None:
        match data.draw(st.sampled_from(["succeed", "fail", "give up", "release", "stop"])):
            case "succeed":
                self._apply(transitions.succeed(self.job, b"result", self.now))
            case "fail" | "give up" as how:
                failure, retryable = Failure("BROKEN", "It broke."), how == "fail"
                self._apply(transitions.fail(self.job, failure, self.now, retryable=retryable, delay_us=1))
            case "release":
                self._apply(transitions.release(self.job, self.now, delay_us=1))
            case _:
                self._apply(transitions.stopped(self.job, self.now))

    @rule()
    def the_reconciler_looks(self) -> None:
        self._apply(transitions.expire(self.job, self.now, delay_us=1))

    @rule()
    def the_owner_cancels(self) -> None:
        self._apply(transitions.cancel(self.job, self.now))

    @rule(result=st.none() | st.just(b"cached"))
    def the_owner_makes_it_anew(self, result: bytes | None) -> None:
        self._apply(
            transitions.restart(
                self.job, b"spec", "", self.now, result, cost=2.0, affinity="", labels={}, at=Place(5, 7)
            )
        )

    @invariant()
    def its_history_is_good_but_for_not_having_ended(self) -> None:
        wrong = check(History(accepted=["job"], jobs=[self.job], events=self.told))
        assert [line for line in wrong if "never ended" not in line] == []

    @invariant()
    def only_a_held_job_has_a_lease_and_only_an_ended_one_a_finish(self) -> None:
        assert (self.job.lease_until_us > 0) == self.job.state.held
        assert (self.job.finish_us > 0) == self.job.state.terminal
        assert self.job.faults <= self.job.max_attempts


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_a_lease_that_still_runs_is_left_alone() -> None:
    change = transitions.claim(NEW, "w", 1000, 500)
    assert change is not None
    assert transitions.expire(change.job, 1400, delay_us=1) is None
    assert transitions.expire(replace(change.job, lease_until_us=1000), 1400, delay_us=1) is not None


def test_a_job_that_is_not_due_yet_is_not_claimed() -> None:
    assert transitions.claim(replace(NEW, due_us=1001), "w", 1000, 500) is None
    assert transitions.claim(replace(NEW, due_us=1000), "w", 1000, 500) is not None


def test_a_job_that_changes_in_place_keeps_its_place_and_one_that_is_made_anew_takes_another() -> None:
    queued = replace(NEW, cost=2.0, virtual_start=3.0, virtual_finish=5.0)
    at = Place(7.0, 9.0)
    in_place = transitions.restart(
        queued, b"new", "", 9, None, cost=1.0, affinity="m", labels={"shelf": "new"}, at=at
    ).job
    assert (in_place.virtual_start, in_place.virtual_finish, in_place.affinity) == (3.0, 4.0, "m")
    ended = replace(queued, state=State.FAILED)
    anew = transitions.restart(ended, b"new", "", 9, None, cost=2.0, affinity="m", labels={"shelf": "new"}, at=at).job
    assert (anew.virtual_start, anew.virtual_finish) == (7.0, 9.0)


def test_a_job_that_comes_to_cost_more_takes_a_new_place() -> None:
    cheap = replace(NEW, cost=0.01, virtual_start=3.0, virtual_finish=3.01)
    dear = transitions.restart(cheap, b"dear", "", 9, None, cost=50.0, affinity="", labels={}, at=Place(7.0, 57.0)).job
    assert (dear.state, dear.virtual_start, dear.virtual_finish) == (State.QUEUED, 7.0, 57.0)


def test_the_delay_doubles_and_is_bounded() -> None:
    job = replace(NEW, state=State.RUNNING, max_attempts=100, lease_until_us=1)
    delays = []
    for faults in (0, 1, 2, 50):
        change = transitions.fail(replace(job, faults=faults), Failure("A", "a"), 5, retryable=True, delay_us=1_000_000)
        delays.append(change.job.due_us - 5)
    assert delays == [1_000_000, 2_000_000, 4_000_000, transitions.MAX_DELAY_US]
