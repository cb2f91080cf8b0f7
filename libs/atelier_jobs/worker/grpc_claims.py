"""Claims over gRPC: the adapter of ClaimStore for a worker, which has no database."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from atelier.jobs.v1 import job_pb2, worker_service_pb2
from atelier_jobs.domain.claims import Claim, ClaimRequest, Renewal
from atelier_jobs.domain.job import Failure
from atelier_jobs.domain.outcome import Outcome
from atelier_jobs.domain.progress import Progress
from atelier_jobs.wire.claim_messages import claim_from, held_job_message, job_claim_message
from atelier_jobs.worker.plane_calls import PlaneCalls

_DEADLINE_S = 10.0
_LEAST_S = 2.0  # a busy plane is not one that is unavailable
_MAX_HELD = 1000  # that a claim names; see the contract


class WorkerStub(Protocol):
    """The calls of WorkerService; see worker_service_pb2_grpc.WorkerServiceStub."""

    ClaimJobs: Any
    RenewLease: Any
    SavePartialResult: Any
    CompleteJob: Any
    FailJob: Any
    ReleaseJob: Any
    FinishCancel: Any
    DiscardResult: Any


class GrpcClaimStore:
    """A ClaimStore over WorkerService. A write may be repeated after its reply was lost: the plane records it once."""

    def __init__(self, stub: WorkerStub, kind: str) -> None:
        self._stub = stub
        self._calls = PlaneCalls(kind)
        self._held: dict[tuple[str, int], worker_service_pb2.JobClaim] = {}
        self._reply_lost = False

    async def claim(self, request: ClaimRequest) -> Sequence[Claim]:
        """See ClaimStore.claim. After a call whose reply was lost, the jobs that it claimed are returned first."""
        message = worker_service_pb2.ClaimJobsRequest(
            worker_id=request.worker_id,
            kind=request.kind,
            lease_s=request.lease_s,
            max_jobs=request.max_jobs,
            loaded=sorted(request.loaded),
            repeated=self._reply_lost,
        )
        if request.accepts is not None:
            message.accepts.keys.extend(sorted(request.accepts))
        if self._reply_lost:
            message.held.extend(list(self._held.values())[-_MAX_HELD:])
        self._reply_lost = True  # until a reply says otherwise
        response = await self._calls.call(self._stub.ClaimJobs, message)
        self._reply_lost = False
        claims = [claim_from(job, worker_id=request.worker_id, lease_s=request.lease_s) for job in response.jobs]
        for claim in claims:
            self._held[claim.job.id, claim.epoch] = job_claim_message(claim.job)
        return claims

    async def renew(self, claim: Claim, progress: Progress | None = None) -> Renewal:
        """See ClaimStore.renew."""
        held = held_job_message(replace(claim, progress=progress))
        request = worker_service_pb2.RenewLeaseRequest(job=held, lease_s=claim.lease_s)
        response = await self._calls.call(
            self._stub.RenewLease, request, timeout_s=min(_DEADLINE_S, max(_LEAST_S, claim.lease_s))
        )
        if not response.held:
            self._held.pop((claim.job.id, claim.epoch), None)
        return Renewal(response.held, response.cancel_requested, token=response.token)

    async def save_partial(self, claim: Claim, partial: bytes) -> bool:
        """See ClaimStore.save_partial."""
        request = worker_service_pb2.SavePartialResultRequest(job=held_job_message(claim), partial=partial)
        response = await self._calls.call(self._stub.SavePartialResult, request)
        return bool(response.recorded)

    async def complete(self, claim: Claim, outcome: Outcome) -> bool:
        """See ClaimStore.complete."""
        request = worker_service_pb2.CompleteJobRequest(
            job=held_job_message(claim), result=outcome.result, cache_key=outcome.cache_key
        )
        return await self._end(claim, self._stub.CompleteJob, request)

    async def fail(self, claim: Claim, failure: Failure, *, retryable: bool = True, delay_s: float = 1.0) -> bool:
        """See ClaimStore.fail."""
        request = worker_service_pb2.FailJobRequest(
            job=held_job_message(claim),
            failure=job_pb2.Failure(reason=failure.reason, message=failure.message),
            retryable=retryable,
            delay_s=delay_s,
        )
        return await self._end(claim, self._stub.FailJob, request)

    async def release(self, claim: Claim, *, delay_s: float = 0.0) -> bool:
        """See ClaimStore.release."""
        request = worker_service_pb2.ReleaseJobRequest(job=held_job_message(claim), delay_s=delay_s)
        return await self._end(claim, self._stub.ReleaseJob, request)

    async def cancel_done(self, claim: Claim) -> bool:
        """See ClaimStore.cancel_done."""
        request = worker_service_pb2.FinishCancelRequest(job=held_job_message(claim))
        return await self._end(claim, self._stub.FinishCancel, request)

    async def discard(self, claim: Claim) -> None:
        """See ClaimStore.discard."""
        await self._calls.call(
            self._stub.DiscardResult, worker_service_pb2.DiscardResultRequest(job=held_job_message(claim))
        )
        self._held.pop((claim.job.id, claim.epoch), None)

    async def _end(self, claim: Claim, rpc: Any, request: object) -> bool:
        response = await self._calls.call(rpc, request)
        if response.recorded:
            self._held.pop((claim.job.id, claim.epoch), None)
        return bool(response.recorded)
