"""One attempt from the claim to the last fenced write."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from atelier_jobs import metrics
from atelier_jobs.domain.claims import Claim, ClaimStore
from atelier_jobs.domain.job import Failure
from atelier_jobs.domain.outcome import Outcome
from atelier_jobs.domain.progress_sink import ProgressSink
from atelier_jobs.worker.attempt import Attempt, Handler, InfrastructureFault, JobFault, Stopped, StopReason
from atelier_jobs.worker.progress import ProgressReporter
from atelier_service.errors import UnavailableError
from atelier_service.tasks import uninterrupted
from atelier_service.telemetry import context_from_traceparent, tracer

logger = structlog.get_logger()

INTERNAL = Failure("INTERNAL", "internal error")
TIMEOUT = Failure("ATTEMPT_TIMEOUT", "The job took too long.")

_WRITE_S = 60.0  # how long a last write is tried while the database is away
_MAX_INFRASTRUCTURE_DELAY_S = 60.0

Write = Callable[[], Awaitable[bool]]


class AttemptRun:
    """Runs the handler under heartbeats, then writes what became of it."""

    def __init__(
        self,
        claims: ClaimStore,
        progress: ProgressSink,
        handler: Handler,
        claim: Claim,
        *,
        timeout_s: float,
        retry_delay_s: float,
    ) -> None:
        self._claims = claims
        self._handler = handler
        self._claim = claim
        self._timeout_s = timeout_s
        self._retry_delay_s = retry_delay_s
        self._reporter = ProgressReporter(progress, claim.job)
        self._has_partial = False
        self._look_up = asyncio.Event()
        self._attempt: Attempt | None = None
        self._handling: asyncio.Task[Outcome] | None = None

    @property
    def claim(self) -> Claim:
        """What it runs under."""
        return self._claim

    def look_up(self) -> None:
        """Renews the lease at once instead of at the next heartbeat: the job was changed, it is said."""
        self._look_up.set()

    def shut_down(self) -> None:
        """Asks the handler to stop because the process ends."""
        if self._attempt is not None:
            self._attempt.stop(StopReason.SHUTDOWN)

    def abandon(self) -> None:
        """Waits for the handler no longer; the job goes back to the queue."""
        self.shut_down()
        if self._handling is not None:
            self._handling.cancel()

    async def run(self) -> None:
        """Raises UnavailableError when the outcome could not be written: the reconciler will find the job."""
        job = self._claim.job
        submit_context = context_from_traceparent(job.traceparent)
        waiting = tracer().start_span("job.wait", context=submit_context, start_time=job.queue_us * 1000)
        waiting.set_attribute("job.id", job.id)
        waiting.end(max(time.time_ns(), job.queue_us * 1000))
        attributes: dict[str, str | int] = {
            "job.id": job.id, "job.kind": job.kind, "job.attempt": job.attempt, "job.epoch": job.epoch
        }  # fmt: skip
        with tracer().start_as_current_span(
            "job.attempt", context=submit_context, kind=SpanKind.CONSUMER, attributes=attributes
        ):
            self._attempt = Attempt(
                job, self._reporter, otel_context.get_current(), self._save_partial, self._claim.token
            )
            began = time.monotonic()
            helpers = [asyncio.create_task(self._beat(self._attempt)), asyncio.create_task(self._reporter.run())]
            try:
                write = await self._handle(self._attempt)
                await self._settle(write, self._attempt)
            finally:
                for helper in helpers:
                    helper.cancel()
                for helper in helpers:
                    with contextlib.suppress(asyncio.CancelledError):
                        await helper
            metrics.RUN.labels(kind=job.kind).observe(time.monotonic() - began)

    async def _handle(self, attempt: Attempt) -> Write:
        """Runs the handler and returns how to write what came of it."""
        claim, claims = self._claim, self._claims
        self._handling = asyncio.create_task(self._handler.run(claim.job, attempt))
        try:
            outcome = await self._handling
        except Stopped:
            return self._after_stop(attempt)
        except JobFault as fault:
            trace.get_current_span().set_status(StatusCode.ERROR, fault.reason)
            failure, retryable = Failure(fault.reason, fault.message), fault.retryable
            logger.warning("attempt failed", job_id=claim.job.id, reason=fault.reason, error=fault.message)
            return lambda: claims.fail(self._told(), failure, retryable=retryable, delay_s=self._retry_delay_s)
        except InfrastructureFault as fault:
            trace.get_current_span().set_status(StatusCode.ERROR, str(fault))
            doubled = 2.0 ** min(claim.job.attempt - 1, 16)  # attempts of an outage have no bound
            delay_s = min(_MAX_INFRASTRUCTURE_DELAY_S, self._retry_delay_s * doubled)
            logger.warning("attempt given back", job_id=claim.job.id, error=str(fault), delay_s=delay_s)
            return lambda: claims.release(self._told(), delay_s=delay_s)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if not self._handling.cancelled() or (current is not None and current.cancelling()):
                self._handling.cancel()
                raise
            return self._after_stop(attempt)
        except Exception:
            trace.get_current_span().set_status(StatusCode.ERROR, INTERNAL.reason)
            logger.exception("attempt failed", job_id=claim.job.id, reason=INTERNAL.reason)
            return lambda: claims.fail(self._told(), INTERNAL, delay_s=self._retry_delay_s)
        return lambda: claims.complete(self._told(), outcome)

    async def _save_partial(self, partial: bytes) -> bool:
        self._has_partial = True  # before it is: also when only the reply is lost
        return await self._claims.save_partial(self._claim, partial)

    def _told(self) -> Claim:
        """The claim with the last progress that was reported, so that the end of the job does not go back behind it."""
        return replace(self._claim, progress=self._reporter.latest, has_partial=self._has_partial)

    def _after_stop(self, attempt: Attempt) -> Write:
        claim, claims = self._claim, self._claims
        span = trace.get_current_span()
        span.set_attribute("job.stopped", str(attempt.stop_reason))
        if attempt.stop_reason is StopReason.TIMEOUT:
            span.set_status(StatusCode.ERROR, TIMEOUT.reason)
        match attempt.stop_reason:
            case StopReason.SHUTDOWN:
                return lambda: claims.release(self._told())
            case StopReason.TIMEOUT:
                return lambda: claims.fail(self._told(), TIMEOUT, delay_s=self._retry_delay_s)
            case StopReason.CANCELED | StopReason.LOST:
                return lambda: claims.cancel_done(self._told())
            case None:
                logger.error("handler stopped, and nobody had asked it to", job_id=claim.job.id)
                return lambda: claims.fail(self._told(), INTERNAL, delay_s=self._retry_delay_s)

    async def _settle(self, write: Write, attempt: Attempt) -> None:
        """Writes the outcome, or learns that it is nobody's business any more."""
        claim = self._claim
        # A success that comes after the request to stop is a stop: the owner was told CANCELING.
        if await self._insist(write) or await self._insist(lambda: self._claims.cancel_done(self._told())):
            return
        attempt.stop(StopReason.LOST)
        metrics.FENCED.labels(kind=claim.job.kind).inc()
        logger.warning("result thrown away: the job is not ours any more", job_id=claim.job.id, epoch=claim.epoch)
        await self._claims.discard(claim)

    async def _insist(self, write: Write) -> bool:
        """Writes, also through a restart of the database: the result would be lost otherwise."""
        deadline, pause_s = time.monotonic() + _WRITE_S, 0.1
        while True:
            try:
                return await write()
            except UnavailableError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(pause_s)
                pause_s = min(5.0, pause_s * 2)

    async def _beat(self, attempt: Attempt) -> None:
        """Renews the lease, and learns whether to stop, every third of it and at every hint."""
        deadline = time.monotonic() + self._timeout_s if self._timeout_s else float("inf")
        while not attempt.lost:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._claim.lease_s / 3):
                    await self._look_up.wait()
            self._look_up.clear()
            if time.monotonic() > deadline:
                # Renewed no more: if the handler does not even stop, the reconciler takes the job away.
                attempt.stop(StopReason.TIMEOUT)
                return
            try:
                await uninterrupted(self._renew(attempt))
            except UnavailableError as error:
                logger.warning("lease not renewed yet", job_id=self._claim.job.id, reason=error.reason)

    async def _renew(self, attempt: Attempt) -> None:
        renewal = await self._claims.renew(self._claim, self._reporter.latest)
        if not renewal.mine:
            attempt.stop(StopReason.LOST)
            return
        attempt.renew_token(renewal.token)
        if renewal.cancel_requested:
            attempt.stop(StopReason.CANCELED)
