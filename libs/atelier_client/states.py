"""Job states by name, and which of them are terminal."""

from atelier.jobs.v1 import job_pb2
from atelier.jobs.v1.job_pb2 import State

TERMINAL_STATES = frozenset((job_pb2.SUCCEEDED, job_pb2.FAILED, job_pb2.CANCELED))


def state_named(name: str) -> "State.ValueType":
    """Returns the state of that name in any case. Raises ValueError, whose message lists all names."""
    names = [known for known, number in State.items() if number]
    if name.upper() not in names:
        raise ValueError(f"state: {name!r} is none of {', '.join(names)}")
    return State.Value(name.upper())
