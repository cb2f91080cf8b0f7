"""Where a job can stand and which moves are legal: one pure table."""

from enum import IntEnum, StrEnum


class State(IntEnum):
    """Where a job stands; the values are those of `atelier.jobs.v1.State`."""

    QUEUED = 1
    RUNNING = 2
    CANCELING = 3
    SUCCEEDED = 4
    FAILED = 5
    CANCELED = 6

    @property
    def terminal(self) -> bool:
        """True when nothing follows within this revision."""
        return self in TERMINAL

    @property
    def held(self) -> bool:
        """True when a worker holds the job under a lease."""
        return self in HELD


TERMINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELED})
HELD = frozenset({State.RUNNING, State.CANCELING})
LIVE = frozenset({State.QUEUED, State.RUNNING, State.CANCELING})


class Move(StrEnum):
    """What can happen to a job."""

    CLAIM = "claim"  # a worker takes it
    SUCCEED = "succeed"  # its worker stored the result
    FAIL = "fail"  # its last attempt failed
    RETRY = "retry"  # an attempt was lost or given back; made again
    CANCEL = "cancel"  # the owner asks to stop
    STOPPED = "stopped"  # the worker stopped, or was lost while it was asked to
    RESPEC = "respec"  # the owner changes a job that no worker has seen
    SUPERSEDE = "supersede"  # the owner changes a live job: this revision ends here
    RESTART = "restart"  # the owner makes an ended revision anew, as the next one
    ANSWER = "answer"  # a result that was there already


LEGAL: dict[tuple[State, Move], State] = {
    (State.QUEUED, Move.CLAIM): State.RUNNING,
    (State.RUNNING, Move.SUCCEED): State.SUCCEEDED,
    (State.RUNNING, Move.FAIL): State.FAILED,
    (State.RUNNING, Move.RETRY): State.QUEUED,
    (State.QUEUED, Move.CANCEL): State.CANCELED,
    (State.RUNNING, Move.CANCEL): State.CANCELING,
    (State.CANCELING, Move.STOPPED): State.CANCELED,
    (State.QUEUED, Move.RESPEC): State.QUEUED,
    (State.QUEUED, Move.SUPERSEDE): State.CANCELED,
    (State.RUNNING, Move.SUPERSEDE): State.CANCELED,
    (State.CANCELING, Move.SUPERSEDE): State.CANCELED,
    (State.SUCCEEDED, Move.RESTART): State.QUEUED,
    (State.FAILED, Move.RESTART): State.QUEUED,
    (State.CANCELED, Move.RESTART): State.QUEUED,
    (State.QUEUED, Move.ANSWER): State.SUCCEEDED,
}


class IllegalMoveError(Exception):
    """A move that the table does not know: a bug of the caller, never told to a user."""

    def __init__(self, state: State, move: Move) -> None:
        super().__init__(f"{state.name} knows no {move.value}")
        self.state = state
        self.move = move


def after(state: State, move: Move) -> State:
    """The state that `move` leads to; raises IllegalMoveError."""
    try:
        return LEGAL[state, move]
    except KeyError:
        raise IllegalMoveError(state, move) from None


def follows(before: State, later: State) -> bool:
    """True when one legal move leads from `before` to `later`."""
    return any(source is before and target is later for (source, _), target in LEGAL.items())
