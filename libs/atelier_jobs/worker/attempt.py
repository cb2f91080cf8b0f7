"""What a handler is given to run one attempt, and how it says what went wrong."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import structlog
from opentelemetry.context import Context
from opentelemetry.trace import StatusCode

from atelier_jobs.domain.job import Job
from atelier_jobs.domain.outcome import Outcome
from atelier_jobs.domain.progress import Progress
from atelier_jobs.worker.progress import ProgressReporter
from atelier_service.errors import UnavailableError
from atelier_service.tasks import uninterrupted
from atelier_service.telemetry import tracer

T = TypeVar("T")

logger = structlog.get_logger()


class JobFault(Exception):  # noqa: N818 - a fault is what it is, whoever's error
    """The job's own fault: consumes an attempt, or ends the job at once when trying again cannot help.

    `reason` and `message` are told to the owner: a stable upper-case name, and one sentence without path or trace.
    """

    def __init__(self, reason: str, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retryable = retryable


class InfrastructureFault(Exception):  # noqa: N818
    """Something that the job needs is away: it goes back to the queue and no attempt is consumed."""


class Stopped(Exception):  # noqa: N818
    """The handler saw `stop_requested` and stopped."""


class StopReason(StrEnum):
    """Why an attempt is to stop."""

    CANCELED = "canceled"  # the owner asked
    LOST = "lost"  # the job is another worker's now, or gone
    SHUTDOWN = "shutdown"  # this process ends
    TIMEOUT = "timeout"  # the attempt took too long


async def _nowhere(_partial: bytes) -> bool:
    return True


class Attempt:
    """One run of a job under one claim. But for `keep`, everything here may be called from any thread and never blocks.

    `write_partial` is ClaimStore.save_partial under the attempt's claim; without one, nothing is kept.
    """

    def __init__(
        self,
        job: Job,
        reporter: ProgressReporter,
        span_context: Context,
        write_partial: Callable[[bytes], Coroutine[Any, Any, bool]] = _nowhere,
        token: str = "",
    ) -> None:
        self.job = job
        self.span_context = span_context  # of `job.attempt`, for spans that are made in another thread
        self._reporter = reporter
        self._write_partial = write_partial
        self._token = token
        self._stop = threading.Event()
        self._stop_reason: StopReason | None = None
        self._when_stopped: list[Callable[[], object]] = []

    @property
    def epoch(self) -> int:
        """The fence: part of every key under which this attempt stores bytes."""
        return self.job.epoch

    @property
    def number(self) -> int:
        """1 for the first attempt of this revision."""
        return self.job.attempt

    @property
    def token(self) -> str:
        """The token that opens the job's files, until the lease ends: to be asked for anew at each call. Empty while
        there is none."""
        return self._token

    def renew_token(self, token: str) -> None:
        """A renewal of the lease has brought another token; an empty one leaves the last."""
        self._token = token or self._token

    @property
    def stop_requested(self) -> bool:
        """True when going on is of no use: cancelled, lost, or the process ends. Look at it at every step."""
        return self._stop.is_set()

    @property
    def stop_reason(self) -> StopReason | None:
        """Why, when `stop_requested`."""
        return self._stop_reason

    @property
    def lost(self) -> bool:
        """True when another worker has the job now, or nobody: whatever this attempt makes is thrown away."""
        return self._stop_reason is StopReason.LOST

    def check(self) -> None:
        """Raises Stopped when `stop_requested`."""
        if self.stop_requested:
            raise Stopped

    def when_stopped(self, callback: Callable[[], object]) -> None:
        """Calls `callback` in the event loop when `stop_requested` becomes true, at once if it is: for a handler that
        waits and makes no steps. To be called in the event loop."""
        self._when_stopped.append(callback)
        if self.stop_requested:
            callback()

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, str | int | float] | None = None) -> Iterator[None]:
        """A span around some of the work. An attempt that is to stop is no error of it."""
        with tracer().start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except Stopped:
                span.set_attribute("job.stopped", str(self._stop_reason))
                raise
            except Exception as error:
                span.set_status(StatusCode.ERROR, getattr(error, "reason", type(error).__name__))
                raise

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns; it is cancelled as soon as the attempt is to stop. To be called in the event loop.

        Raises Stopped then, also when it is to stop already.
        """
        task = asyncio.create_task(work)
        self.when_stopped(task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if self.stop_requested and not (current is not None and current.cancelling()):
                raise Stopped from None
            raise
        finally:
            self._when_stopped.remove(task.cancel)

    def report(
        self,
        progress: Progress,
        *,
        eta_s: float | None = None,
        preview: bytes = b"",
        preview_content_type: str = "image/jpeg",
    ) -> None:
        """Reports how far the attempt has come. What is behind the last report is ignored.

        Args:
            progress: How far it is now. It is sent at most ten times a second, the latest standing for all.
            eta_s: Estimated seconds to the end; None while unknown.
            preview: A small view of the state of things, sent at most twice a second; empty for none.
            preview_content_type: Of what type the preview is.
        """
        self._reporter.report(progress, eta_s=eta_s, preview=preview, preview_content_type=preview_content_type)

    async def keep(self, partial: bytes) -> None:
        """Keeps what was made so far, for those who look meanwhile, in place of what was kept before.

        To be called in the event loop, one call after the other. Raises Stopped when the job is not ours any more.
        While the database is away nothing is kept and nothing raised: the result does not depend on it, and the next
        call says it all again.
        """
        try:
            mine = await uninterrupted(self._write_partial(partial))
        except UnavailableError as error:
            logger.warning("partial result not kept", job_id=self.job.id, reason=error.reason)
            return
        if not mine:
            self.stop(StopReason.LOST)
            raise Stopped

    def stop(self, reason: StopReason) -> None:
        """Asks the handler to stop. The first reason stays, but for LOST, which overrules every other."""
        if self._stop_reason is None or reason is StopReason.LOST:
            self._stop_reason = reason
        if not self._stop.is_set():
            self._stop.set()
            for callback in tuple(self._when_stopped):
                callback()


class Handler(Protocol):
    """What a service's worker does with a job."""

    async def run(self, job: Job, attempt: Attempt) -> Outcome:
        """Makes the outcome; blobs are stored, under keys that hold the epoch, before it returns.

        Raises JobFault, InfrastructureFault or Stopped; anything else counts as a JobFault INTERNAL. Several run at
        once, so that one prepares while another uploads: a handler serialises its device itself.
        """
        ...
