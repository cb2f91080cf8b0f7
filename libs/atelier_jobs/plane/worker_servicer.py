"""`atelier.jobs.v1.WorkerService`: the job plane for its workers."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import grpc.aio

from atelier.events.v1 import events_pb2
from atelier.jobs.v1 import worker_service_pb2, worker_service_pb2_grpc
from atelier_jobs.domain.claims import Claim, ClaimRequest, ClaimStore, HeldJobs, WorkSignals
from atelier_jobs.domain.job import Failure, Job
from atelier_jobs.domain.job_tokens import JobTokens
from atelier_jobs.domain.outcome import Outcome
from atelier_jobs.domain.progress_sink import ProgressSink
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus
from atelier_jobs.plane.held_jobs import HeldJobCache
from atelier_jobs.plane.worker_mailboxes import WorkerMailboxes
from atelier_jobs.wire.claim_messages import claimed_job_message, held_claim_from
from atelier_jobs.wire.progress_messages import reported_progress
from atelier_service.errors import InvalidArgumentError, PermissionDeniedError
from atelier_service.identity import current_principal
from atelier_service.interceptors.validation import validate
from atelier_service.tasks import cancel_and_join, uninterrupted

Context = grpc.aio.ServicerContext[Any, Any]

_READY = worker_service_pb2.ConnectResponse(ready=worker_service_pb2.Ready())


class WorkerServicer(worker_service_pb2_grpc.WorkerServiceServicer):
    """Serves the workers of one kind of jobs. What it has in memory may be lost: claims are in the database."""

    def __init__(
        self,
        kind: str,
        worker_service: str,
        claims: ClaimStore,
        held: HeldJobs,
        signals: WorkSignals,
        progress: ProgressSink,
        tokens: JobTokens,
        bus: Bus,
    ) -> None:
        """Creates the servicer; `run` must run beside it.

        Args:
            kind: Kind of the jobs.
            worker_service: Name of the service whose workers are served; others are refused.
            claims: Claims jobs and records outcomes.
            held: Returns the jobs that a worker holds.
            signals: Signals that are passed on to the connected workers.
            progress: Publishes the progress of running jobs.
            tokens: Mints the token of each claim.
            bus: Where the conditions of workers are published.
        """
        self._kind = kind
        self._worker_service = worker_service
        self._claims = claims
        self._held_jobs = held
        self._held = HeldJobCache(held, kind)
        self._signals = signals
        self._progress = progress
        self._tokens = tokens
        self._bus = bus
        self._mailboxes = WorkerMailboxes()

    async def run(self) -> None:
        """Passes signals on until it is cancelled."""
        boxes = self._mailboxes
        async with self._signals.listen(on_work=boxes.put_work, on_change=boxes.put_changed):
            await asyncio.Event().wait()

    async def ClaimJobs(
        self, request: worker_service_pb2.ClaimJobsRequest, context: Context
    ) -> worker_service_pb2.ClaimJobsResponse:
        """Claims jobs; after a call whose reply was lost, those that it claimed are returned first."""
        self._check(request.kind)
        claims = await uninterrupted(self._claim(request))
        for claim in claims:
            self._held.remember(claim.job)
        tokens = await asyncio.gather(*(self._token(claim.job, request.lease_s) for claim in claims))
        jobs = [claimed_job_message(claim.job, token) for claim, token in zip(claims, tokens, strict=True)]
        return worker_service_pb2.ClaimJobsResponse(jobs=jobs)

    async def RenewLease(
        self, request: worker_service_pb2.RenewLeaseRequest, context: Context
    ) -> worker_service_pb2.RenewLeaseResponse:
        """Renews the lease, and mints a token for the new one."""
        claim = self._claim_of(request.job, lease_s=request.lease_s)
        renewal = await uninterrupted(self._claims.renew(claim, claim.progress))
        response = worker_service_pb2.RenewLeaseResponse(held=renewal.mine, cancel_requested=renewal.cancel_requested)
        if not renewal.mine:
            self._held.forget(request.job.claim)
            return response
        job = await uninterrupted(self._held.find(request.job.worker_id, request.job.claim))
        if job is not None:
            response.token = await self._token(job, request.lease_s)
        return response

    async def SavePartialResult(
        self, request: worker_service_pb2.SavePartialResultRequest, context: Context
    ) -> worker_service_pb2.WriteResponse:
        """Stores a partial result."""
        recorded = await uninterrupted(self._claims.save_partial(self._claim_of(request.job), request.partial))
        return worker_service_pb2.WriteResponse(recorded=recorded)

    async def CompleteJob(
        self, request: worker_service_pb2.CompleteJobRequest, context: Context
    ) -> worker_service_pb2.WriteResponse:
        """Records a success."""
        outcome = Outcome(request.result, request.cache_key)
        return await self._end(request.job, self._claims.complete(self._claim_of(request.job), outcome))

    async def FailJob(
        self, request: worker_service_pb2.FailJobRequest, context: Context
    ) -> worker_service_pb2.WriteResponse:
        """Records a fault."""
        failure = Failure(request.failure.reason, request.failure.message)
        claim = self._claim_of(request.job)
        return await self._end(
            request.job,
            self._claims.fail(claim, failure, retryable=request.retryable, delay_s=request.delay_s),
        )

    async def ReleaseJob(
        self, request: worker_service_pb2.ReleaseJobRequest, context: Context
    ) -> worker_service_pb2.WriteResponse:
        """Returns a job to the queue."""
        claim = self._claim_of(request.job)
        return await self._end(request.job, self._claims.release(claim, delay_s=request.delay_s))

    async def FinishCancel(
        self, request: worker_service_pb2.FinishCancelRequest, context: Context
    ) -> worker_service_pb2.WriteResponse:
        """Ends a job that is being cancelled."""
        return await self._end(request.job, self._claims.cancel_done(self._claim_of(request.job)))

    async def DiscardResult(
        self, request: worker_service_pb2.DiscardResultRequest, context: Context
    ) -> worker_service_pb2.DiscardResultResponse:
        """Requests the removal of files."""
        await uninterrupted(self._claims.discard(self._claim_of(request.job)))
        return worker_service_pb2.DiscardResultResponse()

    async def Connect(
        self, request_iterator: AsyncIterator[worker_service_pb2.ConnectRequest], context: Context
    ) -> AsyncIterator[worker_service_pb2.ConnectResponse]:
        """Sends signals to the worker, and publishes its progress and condition, while it is connected."""
        requests = aiter(request_iterator)
        worker_id = await self._hello(requests)
        with self._mailboxes.open() as mailbox:
            reading = asyncio.create_task(self._read(worker_id, requests))
            reading.add_done_callback(lambda _: mailbox.close())
            try:
                yield _READY
                while (responses := await mailbox.next()) is not None:
                    for response in responses:
                        yield response
                await reading
            finally:
                await cancel_and_join(reading)

    async def _hello(self, requests: AsyncIterator[worker_service_pb2.ConnectRequest]) -> str:
        request = await anext(requests, None)
        if request is None or not request.HasField("hello"):
            raise InvalidArgumentError.of_field("hello", "must be the first message")
        validate(request)
        self._check(request.hello.kind)
        return request.hello.worker_id

    async def _read(self, worker_id: str, requests: AsyncIterator[worker_service_pb2.ConnectRequest]) -> None:
        """Reads the worker's messages to their end; each is passed on before the next one is read."""
        async for request in requests:
            validate(request)
            if request.HasField("progress"):
                await self._pass_on(worker_id, request.progress)
            elif request.HasField("condition"):
                await self._publish_condition(worker_id, request.condition)
            else:
                raise InvalidArgumentError.of_field("hello", "must be the first message alone")

    async def _pass_on(self, worker_id: str, message: worker_service_pb2.JobProgress) -> None:
        job = await uninterrupted(self._held.find(worker_id, message.claim))
        if job is not None:
            await self._progress.publish(
                job,
                reported_progress(message.progress),
                eta_s=message.progress.eta_s if message.progress.HasField("eta_s") else None,
                preview=message.preview,
                preview_content_type=message.preview_content_type,
            )

    async def _publish_condition(self, worker_id: str, condition: worker_service_pb2.WorkerCondition) -> None:
        job = None
        if condition.HasField("job"):
            job = await uninterrupted(self._held.find(worker_id, condition.job))
        status = events_pb2.WorkerStatus(
            id=worker_id,
            kind=self._kind,
            device=condition.device,
            device_name=condition.device_name,
            job_id=job.id if job else "",
            model_ids=condition.loaded,
            memory_bytes=condition.memory_bytes,
            device_memory_bytes=condition.device_memory_bytes,
            device_memory_total_bytes=condition.device_memory_total_bytes,
        )
        status.time.GetCurrentTime()
        report = events_pb2.WorkerReport(status=status, job_owner=job.owner if job else "")
        await self._bus.publish(subjects.worker_heartbeat(worker_id), report.SerializeToString())

    async def _claim(self, request: worker_service_pb2.ClaimJobsRequest) -> list[Claim]:
        if request.repeated:
            known = {(claim.job_id, claim.epoch) for claim in request.held}
            jobs = await self._held_jobs.held_by(self._kind, request.worker_id)
            lost = [Claim(job, request.lease_s) for job in jobs if (job.id, job.epoch) not in known]
            if lost:
                return lost[: request.max_jobs]
        accepts = frozenset(request.accepts.keys) if request.HasField("accepts") else None
        found = await self._claims.claim(
            ClaimRequest(
                kind=self._kind,
                worker_id=request.worker_id,
                lease_s=request.lease_s,
                max_jobs=request.max_jobs,
                loaded=frozenset(request.loaded),
                accepts=accepts,
            )
        )
        return list(found)

    async def _end(
        self, held: worker_service_pb2.HeldJob, write: Coroutine[Any, Any, bool]
    ) -> worker_service_pb2.WriteResponse:
        recorded = await uninterrupted(write)
        if recorded:
            self._held.forget(held.claim)
        return worker_service_pb2.WriteResponse(recorded=recorded)

    async def _token(self, job: Job, lease_s: float) -> str:
        return await self._tokens.mint(job, worker=self._worker_service, lease_s=lease_s)

    def _claim_of(self, held: worker_service_pb2.HeldJob, *, lease_s: float = 0.0) -> Claim:
        self._check(self._kind)
        return held_claim_from(held, kind=self._kind, lease_s=lease_s)

    def _check(self, kind: str) -> None:
        """Refuses workers of other services, and those that want jobs of another kind."""
        if current_principal().subject != f"service:{self._worker_service}" or kind != self._kind:
            raise PermissionDeniedError("NOT_THIS_WORKER", f"jobs of this kind are for {self._worker_service}")
