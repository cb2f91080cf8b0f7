"""Priorities of a job by name."""

from atelier.jobs.v1 import job_pb2
from atelier.jobs.v1.job_pb2 import Priority


def priority_named(name: str | None) -> "Priority.ValueType":
    """Returns the priority of that name in any case; for None the unspecified one, for which the server has a default.

    Raises ValueError, whose message lists all names.
    """
    if name is None:
        return job_pb2.PRIORITY_UNSPECIFIED
    names = [known for known, number in Priority.items() if number]
    if name.upper() not in names:
        raise ValueError(f"priority: {name!r} is none of {', '.join(names)}")
    return Priority.Value(name.upper())
