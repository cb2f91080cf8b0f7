"""Messages of WorkerService, made of domain values and read back."""

from google.protobuf.timestamp_pb2 import Timestamp

from atelier.jobs.v1 import worker_service_pb2
from atelier_jobs.domain.claims import Claim
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.progress import NOT_BEGUN
from atelier_jobs.domain.states import State
from atelier_jobs.wire.progress_messages import progress_message, reported_progress


def claimed_job_message(job: Job, token: str) -> worker_service_pb2.ClaimedJob:
    """Makes the message of a claimed job, with its job token (empty: none yet)."""
    return worker_service_pb2.ClaimedJob(
        id=job.id,
        owner=job.owner,
        kind=job.kind,
        revision=job.revision,
        spec=job.spec,
        attempt=job.attempt,
        faults=job.faults,
        max_attempts=job.max_attempts,
        epoch=job.epoch,
        seq=job.seq,
        traceparent=job.traceparent,
        create_time=_time(job.create_us),
        queue_time=_time(job.queue_us),
        start_time=_time(job.start_us),
        lease_end_time=_time(job.lease_until_us),
        affinity=job.affinity,
        token=token,
    )


def claim_from(message: worker_service_pb2.ClaimedJob, *, worker_id: str, lease_s: float) -> Claim:
    """Makes the worker's claim from the message of a claimed job; fields that only the plane needs have defaults."""
    job = Job(
        id=message.id,
        owner=message.owner,
        kind=message.kind,
        state=State.RUNNING,
        revision=message.revision,
        spec=message.spec,
        result=None,
        failure=None,
        attempt=message.attempt,
        faults=message.faults,
        max_attempts=message.max_attempts,
        epoch=message.epoch,
        worker=worker_id,
        lease_until_us=message.lease_end_time.ToMicroseconds(),
        progress=NOT_BEGUN,
        seq=message.seq,
        traceparent=message.traceparent,
        cached=False,
        create_us=message.create_time.ToMicroseconds(),
        queue_us=message.queue_time.ToMicroseconds(),
        start_us=message.start_time.ToMicroseconds(),
        finish_us=0,
        affinity=message.affinity,
    )
    return Claim(job, lease_s, token=message.token)


def held_job_message(claim: Claim) -> worker_service_pb2.HeldJob:
    """Makes the message that identifies a claim in each write of its worker."""
    message = worker_service_pb2.HeldJob(
        claim=job_claim_message(claim.job), worker_id=claim.job.worker, has_partial=claim.has_partial
    )
    if claim.progress is not None:
        message.progress.CopyFrom(progress_message(claim.progress))
    return message


def held_claim_from(message: worker_service_pb2.HeldJob, *, kind: str, lease_s: float = 0.0) -> Claim:
    """Makes the claim that a worker's write identifies.

    Its job has the fields of the identity only: a store compares job, epoch and worker with the row, and takes all
    other columns from there.
    """
    job = Job(
        id=message.claim.job_id, owner="", kind=kind, state=State.RUNNING, revision=0, spec=b"", result=None,
        failure=None, attempt=0, faults=0, max_attempts=0, epoch=message.claim.epoch, worker=message.worker_id,
        lease_until_us=0, progress=NOT_BEGUN, seq=0, traceparent="", cached=False, create_us=0, queue_us=0, start_us=0,
        finish_us=0,
    )  # fmt: skip
    progress = reported_progress(message.progress) if message.HasField("progress") else None
    return Claim(job, lease_s, progress, has_partial=message.has_partial)


def job_claim_message(job: Job) -> worker_service_pb2.JobClaim:
    """Makes the message of a claim's identity: job and epoch."""
    return worker_service_pb2.JobClaim(job_id=job.id, epoch=job.epoch)


def _time(us: int) -> Timestamp | None:
    if not us:
        return None
    time = Timestamp()
    time.FromMicroseconds(us)
    return time
