"""The checker proves itself: a good history passes, and each way of breaking it is caught."""

from dataclasses import replace

import pytest

from atelier_jobs.domain.event import JobEvent
from atelier_jobs.domain.history import History, Output, check
from atelier_jobs.domain.job import Failure
from atelier_jobs.domain.states import State
from tests.unit.jobs.test_states import NEW

DONE = replace(NEW, state=State.SUCCEEDED, result=b"result", epoch=2, attempt=2, faults=1, seq=5)


def _event(seq: int, state: State, epoch: int, revision: int = 1) -> JobEvent:
    return JobEvent.of(replace(NEW, seq=seq, revision=revision, epoch=epoch, attempt=epoch, state=state), seq)


STORY = (
    _event(1, State.QUEUED, 0),
    _event(2, State.RUNNING, 1),
    _event(3, State.QUEUED, 1),
    _event(4, State.RUNNING, 2),
    _event(5, State.SUCCEEDED, 2),
)
GOOD = History(
    accepted=["job"],
    jobs=[DONE],
    events=STORY,
    submits=[("ada", "key", "job"), ("ada", "key", "job"), ("bob", "key", "other")],
    outputs={"job": [Output(1, "zombie's"), Output(2, "right")]},
    expected={"job": "right"},
)


def _with(*changes: JobEvent, without: int = 0) -> History:
    """The good story, with some events in place of those of their number."""
    told = {event.seq: event for event in STORY} | {event.seq: event for event in changes}
    told.pop(without, None)
    return replace(GOOD, events=list(told.values()))


def test_a_good_history_has_nothing_wrong() -> None:
    assert check(GOOD) == []


def test_a_history_of_several_revisions_is_good() -> None:
    told = [*STORY, _event(6, State.QUEUED, 2, 2), _event(7, State.CANCELED, 2, 2)]
    job = replace(DONE, state=State.CANCELED, result=None, revision=2, seq=7)
    assert check(replace(GOOD, jobs=[job], events=told)) == []


BROKEN = {
    "a job is lost": (replace(GOOD, accepted=["job", "gone"]), "gone: was accepted and is not there"),
    "a job never ended": (
        replace(GOOD, jobs=[replace(DONE, state=State.RUNNING, result=None, seq=4)], events=STORY[:4]),
        "never ended: it is RUNNING",
    ),
    "an event is missing": (_with(without=3), "events are not numbered 1 to 5"),
    "an event is there twice": (replace(GOOD, events=[*STORY, STORY[2]]), "events are not numbered 1 to 5"),
    "an event after the last": (_with(_event(6, State.SUCCEEDED, 2)), "events are not numbered 1 to 5"),
    "an end is told twice": (
        replace(GOOD, jobs=[replace(DONE, seq=6)], events=[*STORY, _event(6, State.SUCCEEDED, 2)]),
        "revision 1 ended 2 times",
    ),
    "a job goes on after its end": (_with(_event(3, State.FAILED, 1)), "went on after its end: FAILED → RUNNING"),
    "an illegal move": (_with(_event(2, State.CANCELING, 1)), "illegal move QUEUED → CANCELING"),
    "an epoch goes back": (_with(_event(3, State.QUEUED, 7)), "epoch went back from 7 to 2"),
    "a claim without a new epoch": (_with(_event(4, State.RUNNING, 1)), "a claim took epoch 1 after 1"),
    "a revision is skipped": (
        replace(
            GOOD,
            jobs=[replace(DONE, state=State.CANCELED, result=None, revision=3, seq=7)],
            events=[*STORY, _event(6, State.QUEUED, 2, 3), _event(7, State.CANCELED, 2, 3)],
        ),
        "revision went from 1 to 3",
    ),
    "a revision begins before the last one ended": (
        _with(_event(3, State.QUEUED, 1, 2), _event(4, State.RUNNING, 2, 2), _event(5, State.SUCCEEDED, 2, 2)),
        "illegal start of revision 2: RUNNING → QUEUED",
    ),
    "a job is born running": (_with(_event(1, State.RUNNING, 0)), "was born RUNNING in revision 1"),
    "row and events disagree": (
        replace(GOOD, jobs=[replace(DONE, state=State.FAILED, result=None, failure=Failure("A", "a"))]),
        "its row says FAILED, its last event SUCCEEDED",
    ),
    "a success without a result": (replace(GOOD, jobs=[replace(DONE, result=None)]), "is SUCCEEDED without a result"),
    "events without a row": (replace(GOOD, accepted=[], jobs=[]), "has events and no row"),
    "a key made two jobs": (
        replace(GOOD, submits=[("ada", "key", "job"), ("ada", "key", "job2")]),
        "key 'key' of ada made 2 jobs",
    ),
    "the zombie's output won": (
        replace(GOOD, outputs={"job": [Output(2, "zombie's")]}),
        "holds the wrong output: zombie's instead of right",
    ),
    "nothing is stored": (
        replace(GOOD, outputs={"job": [Output(1, "right")]}),
        "SUCCEEDED in epoch 2, and stored nothing under it",
    ),
    "too many attempts": (replace(GOOD, jobs=[replace(DONE, faults=4)]), "was tried 4 times, 3 are allowed"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_history_is_caught(name: str) -> None:
    history, complaint = BROKEN[name]
    wrong = check(history)
    assert any(complaint in line for line in wrong), wrong
