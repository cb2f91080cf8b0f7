"""Values of the domain as columns of a row, and back."""

from dataclasses import fields
from typing import Any

from sqlalchemy import RowMapping

from atelier_jobs.domain.claim_order import Priority
from atelier_jobs.domain.event import JobEvent
from atelier_jobs.domain.job import Failure, Job
from atelier_jobs.domain.progress import Progress
from atelier_jobs.domain.states import State

_JOB = tuple(field.name for field in fields(Job) if field.name not in ("state", "priority", "failure", "progress"))
_PROGRESS = tuple((field.name, f"progress_{field.name}") for field in fields(Progress))
_EVENT = tuple(field.name for field in fields(JobEvent) if field.name not in ("state", "failure", "progress"))


def progress_columns(progress: Progress) -> dict[str, Any]:
    """Returns the columns of a progress."""
    return {column: getattr(progress, name) for name, column in _PROGRESS}


def progress_of(row: RowMapping) -> Progress:
    """Makes the progress from its columns."""
    return Progress(**{name: row[column] for name, column in _PROGRESS})


def failure_columns(failure: Failure | None) -> dict[str, Any]:
    """Returns the columns of a failure."""
    return {
        "failure_reason": failure.reason if failure else None,
        "failure_message": failure.message if failure else None,
    }


def failure_of(row: RowMapping) -> Failure | None:
    """Makes the failure from its columns."""
    reason = row["failure_reason"]
    return None if reason is None else Failure(reason, row["failure_message"])


def event_row(event: JobEvent) -> dict[str, Any]:
    """Makes a row of `job_events` from an event."""
    row = {name: getattr(event, name) for name in _EVENT}
    row["state"] = int(event.state)
    return row | failure_columns(event.failure) | progress_columns(event.progress)


def event_of(row: RowMapping) -> JobEvent:
    """Makes an event from a row of `job_events`."""
    return JobEvent(
        **{name: row[name] for name in _EVENT},
        state=State(row["state"]),
        failure=failure_of(row),
        progress=progress_of(row),
    )


def job_of(row: RowMapping) -> Job:
    """Makes a job from a row of `jobs`."""
    return Job(
        **{name: row[name] for name in _JOB},
        state=State(row["state"]),
        priority=Priority(row["priority"]),
        failure=failure_of(row),
        progress=progress_of(row),
    )


def row_of(job: Job) -> dict[str, Any]:
    """Makes a row of `jobs` from a job."""
    row = {name: getattr(job, name) for name in _JOB}
    row["state"], row["priority"], row["labels"] = int(job.state), int(job.priority), dict(job.labels)
    return row | failure_columns(job.failure) | progress_columns(job.progress)
