"""Stored files of a job, and their references in its result.

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
class Producer:
    """The job, and the epoch of its claim, that stored the files of a result: another job's, when the result came from
    the content cache."""

    job_id: str
    epoch: int


def producer_in(data: bytes) -> Producer:
    """Returns the producer of the files of a result."""
    return Producer(**json.loads(data)["source"])


def asset_ids_in(data: bytes) -> frozenset[str]:
    """Returns the ids of the files of a result."""
    return frozenset(values["asset_id"] for values in json.loads(data)["outputs"])


def producer_of(job: Job | None) -> Producer | None:
    """Returns the producer of the files of a job that SUCCEEDED; None for any other job."""
    if job is None or job.state is not State.SUCCEEDED or job.result is None:
        return None
    return producer_in(job.result)
