"""The run of one attempt, from the claim to the last fenced write."""

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

_WRITE_S = 60.0  # how long the last write is retried while the plane is unavailable
_MAX_INFRASTRUCTURE_DELAY_S = 60.0

Write = Callable[[], Awaitable[bool]]


class AttemptRun:
    """Runs the handler while it renews the lease, then writes the outcome."""

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
        self._renew_requested = asyncio.Event()
        self._attempt: Attempt | None = None
        self._handling: asyncio.Task[Outcome] | None = None

    @property
    def claim(self) -> Claim:
        """The claim that it runs under."""
        return self._claim

    def renew_now(self) -> None:
        """Renews the lease now instead of at the next interval: the owner may have changed the job."""
        self._renew_requested.set()

    def shut_down(self) -> None:
        """Requests that the handler stops, because the process ends."""
        if self._attempt is not None:
            self._attempt.stop(StopReason.SHUTDOWN)

    def abandon(self) -> None:
        """Cancels the handler; the job is released."""
        self.shut_down()
        if self._handling is not None:
            self._handling.cancel()

    async def run(self) -> None:
        """Runs the attempt to its end.

        Raises:
            UnavailableError: The outcome could not be written; the lease expires and the reconciler ends the attempt.
        """
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
        """Runs the handler and returns the write of its outcome."""
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
            return lambda: claims.fail(self._final_claim(), failure, retryable=retryable, delay_s=self._retry_delay_s)
        except InfrastructureFault as fault:
            trace.get_current_span().set_status(StatusCode.ERROR, str(fault))
            doubled = 2.0 ** min(claim.job.attempt - 1, 16)  # attempts of an outage have no bound
            delay_s = min(_MAX_INFRASTRUCTURE_DELAY_S, self._retry_delay_s * doubled)
            logger.warning("attempt given back", job_id=claim.job.id, error=str(fault), delay_s=delay_s)
            return lambda: claims.release(self._final_claim(), delay_s=delay_s)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if not self._handling.cancelled() or (current is not None and current.cancelling()):
                self._handling.cancel()
                raise
            return self._after_stop(attempt)
        except Exception:
            trace.get_current_span().set_status(StatusCode.ERROR, INTERNAL.reason)
            logger.exception("attempt failed", job_id=claim.job.id, reason=INTERNAL.reason)
            return lambda: claims.fail(self._final_claim(), INTERNAL, delay_s=self._retry_delay_s)
        return lambda: claims.complete(self._final_claim(), outcome)

    async def _save_partial(self, partial: bytes) -> bool:
        self._has_partial = True  # before it is: also when only the reply is lost
        return await self._claims.save_partial(self._claim, partial)

    def _final_claim(self) -> Claim:
        """Returns the claim with the last reported progress, so that the end of the job does not go back behind it."""
        return replace(self._claim, progress=self._reporter.latest, has_partial=self._has_partial)

    def _after_stop(self, attempt: Attempt) -> Write:
        claim, claims = self._claim, self._claims
        span = trace.get_current_span()
        span.set_attribute("job.stopped", str(attempt.stop_reason))
        if attempt.stop_reason is StopReason.TIMEOUT:
            span.set_status(StatusCode.ERROR, TIMEOUT.reason)
        match attempt.stop_reason:
            case StopReason.SHUTDOWN:
                return lambda: claims.release(self._final_claim())
            case StopReason.TIMEOUT:
                return lambda: claims.fail(self._final_claim(), TIMEOUT, delay_s=self._retry_delay_s)
            case StopReason.CANCELED | StopReason.LOST:
                return lambda: claims.cancel_done(self._final_claim())
            case None:
                logger.error("handler stopped without a request", job_id=claim.job.id)
                return lambda: claims.fail(self._final_claim(), INTERNAL, delay_s=self._retry_delay_s)

    async def _settle(self, write: Write, attempt: Attempt) -> None:
        """Writes the outcome, or discards it when the claim no longer holds."""
        claim = self._claim
        # A success after the request to stop is recorded as CANCELED: the owner has seen CANCELING.
        if await self._write_with_retries(write) or await self._write_with_retries(
            lambda: self._claims.cancel_done(self._final_claim())
        ):
            return
        attempt.stop(StopReason.LOST)
        metrics.FENCED.labels(kind=claim.job.kind).inc()
        logger.warning("result discarded: the claim no longer holds", job_id=claim.job.id, epoch=claim.epoch)
        await self._claims.discard(claim)

    async def _write_with_retries(self, write: Write) -> bool:
        """Writes, and retries while the plane is unavailable: the result would be lost otherwise."""
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
        """Renews the lease, which also says whether to stop, every third of its length and at every signal."""
        deadline = time.monotonic() + self._timeout_s if self._timeout_s else float("inf")
        while not attempt.lost:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._claim.lease_s / 3):
                    await self._renew_requested.wait()
            self._renew_requested.clear()
            if time.monotonic() > deadline:
                # Not renewed any more: if the handler does not stop, the lease expires.
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
