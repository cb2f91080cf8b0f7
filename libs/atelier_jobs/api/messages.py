"""Fields of a job in messages, as keyword arguments for each contract's own classes."""

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from atelier.jobs.v1 import job_pb2
from atelier_jobs.domain.job import Job
from atelier_jobs.events.factory import failure_message
from atelier_service.telemetry import trace_id_of


def job_fields(job: Job) -> dict[str, Any]:
    """Returns the fields that every job has in its record, except parameters, progress and outputs."""
    return {
        "id": job.id,
        "state": job_pb2.State.ValueType(job.state),
        "revision": job.revision,
        "error": None if job.failure is None else failure_message(job.failure),
        "cached": job.cached,
        "attempt": job.attempt,
        "seq": job.seq,
        "trace_id": trace_id_of(job.traceparent),
        "create_time": _timestamp(job.create_us),
        "start_time": _timestamp(job.start_us),
        "finish_time": _timestamp(job.finish_us),
    }


def _timestamp(time_us: int) -> Timestamp | None:
    """Microseconds since the epoch; None for 0, which means not yet."""
    if not time_us:
        return None
    timestamp = Timestamp()
    timestamp.FromMicroseconds(time_us)
    return timestamp
