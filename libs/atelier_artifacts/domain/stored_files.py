"""Stored files of a job, and where a result says that they are.

The result of a job that stores files is a JSON object with `source` and `outputs`; the rest of it is the service's own.
"""

import json
from dataclasses import dataclass

from atelier_jobs.domain.job import Job
from atelier_jobs.domain.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file in storage."""

    asset_id: str
    content_type: str
    width_px: int
    height_px: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    """The job and its epoch under which the files are stored: another job's, when the result came from the cache."""

    job_id: str
    epoch: int


def source_in(data: bytes) -> Source:
    """Returns where the files of a result are."""
    return Source(**json.loads(data)["source"])


def asset_ids_in(data: bytes) -> frozenset[str]:
    """Returns the ids of the files of a result."""
    return frozenset(values["asset_id"] for values in json.loads(data)["outputs"])


def source_of(job: Job | None) -> Source | None:
    """Returns where the files of a job that SUCCEEDED are; None for any other job."""
    if job is None or job.state is not State.SUCCEEDED or job.result is None:
        return None
    return source_in(job.result)
