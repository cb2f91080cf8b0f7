"""States of a job and the legal moves between them, as one table."""

from enum import IntEnum, StrEnum


class State(IntEnum):
    """State of a job; the values are those of `atelier.jobs.v1.State`."""

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

    CLAIM = "claim"  # a worker claims it
    SUCCEED = "succeed"  # its worker stored the result
    FAIL = "fail"  # its last attempt failed
    RETRY = "retry"  # an attempt failed, was lost or was released; the job is queued again
    CANCEL = "cancel"  # the owner requests a stop
    STOPPED = "stopped"  # the worker stopped on request, or was lost before it did
    RESPEC = "respec"  # the owner changes a job that no worker has claimed
    SUPERSEDE = "supersede"  # the owner changes a live job: this revision ends here
    RESTART = "restart"  # the next revision after one that has ended
    CACHE_HIT = "cache_hit"  # the content cache has the result


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
    (State.QUEUED, Move.CACHE_HIT): State.SUCCEEDED,
}


class IllegalMoveError(Exception):
    """A move that is not in the table: a bug of the caller, which no user is shown."""

    def __init__(self, state: State, move: Move) -> None:
        super().__init__(f"no move {move.value} from {state.name}")
        self.state = state
        self.move = move


def after(state: State, move: Move) -> State:
    """Returns the state that `move` leads to. Raises IllegalMoveError."""
    try:
        return LEGAL[state, move]
    except KeyError:
        raise IllegalMoveError(state, move) from None


def follows(before: State, later: State) -> bool:
    """True when one legal move leads from `before` to `later`."""
    return any(source is before and target is later for (source, _), target in LEGAL.items())
