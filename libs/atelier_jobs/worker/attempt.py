"""Attempts: what a job handler gets to run one, and the exceptions with which it ends one."""

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


class JobFault(Exception):  # noqa: N818 - "fault" is the term of the domain
    """The attempt failed because of the job: it counts as a fault, or fails the job at once.

    Attributes:
        reason: A stable upper-case name, for the owner.
        message: One sentence for the owner, without path or trace.
        retryable: False when another attempt cannot succeed.
    """

    def __init__(self, reason: str, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retryable = retryable


class InfrastructureFault(Exception):  # noqa: N818
    """Something that the job needs is unavailable: the job is queued again, and no fault is counted."""


class Stopped(Exception):  # noqa: N818
    """The handler has stopped because of `stop_requested`."""


class StopReason(StrEnum):
    """Why a stop was requested."""

    CANCELED = "canceled"  # the owner cancelled the job
    LOST = "lost"  # the claim was fenced, or the job deleted
    SHUTDOWN = "shutdown"  # this process ends
    TIMEOUT = "timeout"  # the attempt took too long


async def _drop_partial(_partial: bytes) -> bool:
    return True


class Attempt:
    """One run of a job under one claim.

    Methods may be called from any thread and do not block, unless they say otherwise.
    """

    def __init__(
        self,
        job: Job,
        reporter: ProgressReporter,
        span_context: Context,
        save_partial: Callable[[bytes], Coroutine[Any, Any, bool]] = _drop_partial,
        token: str = "",
    ) -> None:
        """Creates the attempt; the worker does.

        Args:
            job: The job as it was when it was claimed.
            reporter: Publishes the progress.
            span_context: Context of the span `job.attempt`, for spans that are made in another thread.
            save_partial: ClaimStore.save_partial under the attempt's claim; by default nothing is saved.
            token: The job token of the claim; empty while there is none.
        """
        self.job = job
        self.span_context = span_context
        self._reporter = reporter
        self._save_partial = save_partial
        self._token = token
        self._stop = threading.Event()
        self._stop_reason: StopReason | None = None
        self._when_stopped: list[Callable[[], object]] = []

    @property
    def epoch(self) -> int:
        """Fencing token of the claim: part of every key under which this attempt stores files."""
        return self.job.epoch

    @property
    def number(self) -> int:
        """1 for the first attempt of this revision."""
        return self.job.attempt

    @property
    def token(self) -> str:
        """The job token, for the job's files, which expires with the lease: read it for each call. Empty: none yet."""
        return self._token

    def renew_token(self, token: str) -> None:
        """Replaces the token by that of a renewal; an empty one changes nothing."""
        self._token = token or self._token

    @property
    def stop_requested(self) -> bool:
        """True when the attempt must stop; see StopReason. To be checked at every step."""
        return self._stop.is_set()

    @property
    def stop_reason(self) -> StopReason | None:
        """The reason when `stop_requested`; None otherwise."""
        return self._stop_reason

    @property
    def lost(self) -> bool:
        """True when the claim no longer holds: the results of this attempt are discarded."""
        return self._stop_reason is StopReason.LOST

    def check(self) -> None:
        """Raises Stopped when `stop_requested`."""
        if self.stop_requested:
            raise Stopped

    def when_stopped(self, callback: Callable[[], object]) -> None:
        """Calls `callback` in the event loop when `stop_requested` becomes true, immediately if it is.

        For a handler that waits and makes no steps. To be called in the event loop.
        """
        self._when_stopped.append(callback)
        if self.stop_requested:
            callback()

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, str | int | float] | None = None) -> Iterator[None]:
        """Opens a span around a part of the work. Stopped is not recorded as an error."""
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
        """Awaits `work`, and cancels it as soon as a stop is requested. To be called in the event loop.

        Returns:
            What `work` returns.

        Raises:
            Stopped: A stop is or was requested.
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
        """Reports progress. A report that is behind the last one is ignored.

        Args:
            progress: The progress now. Reports are coalesced: the latest is sent, at most ten times a second.
            eta_s: Estimated seconds to the end; None while unknown.
            preview: A small picture of the unfinished output, encoded, sent at most twice a second; empty for none.
            preview_content_type: Content type of the preview.
        """
        self._reporter.report(progress, eta_s=eta_s, preview=preview, preview_content_type=preview_content_type)

    async def save_partial(self, partial: bytes) -> None:
        """Saves a partial result, which the owner can read meanwhile, in place of the previous one.

        To be called in the event loop, one call after the other. While the plane is unavailable nothing is saved and
        nothing is raised: the result does not depend on it, and the next call saves everything again.

        Raises:
            Stopped: The claim no longer holds.
        """
        try:
            mine = await uninterrupted(self._save_partial(partial))
        except UnavailableError as error:
            logger.warning("partial result not saved", job_id=self.job.id, reason=error.reason)
            return
        if not mine:
            self.stop(StopReason.LOST)
            raise Stopped

    def stop(self, reason: StopReason) -> None:
        """Requests a stop. The first reason stays, except that LOST overrides every other."""
        if self._stop_reason is None or reason is StopReason.LOST:
            self._stop_reason = reason
        if not self._stop.is_set():
            self._stop.set()
            for callback in tuple(self._when_stopped):
                callback()


class Handler(Protocol):
    """Runs the jobs of one kind on a worker."""

    async def run(self, job: Job, attempt: Attempt) -> Outcome:
        """Runs one attempt. Before it returns, the files are stored, under keys that contain the epoch.

        Several calls run concurrently, so that one prepares while another uploads: a handler serialises the use of its
        device itself.

        Returns:
            The outcome, which the worker records.

        Raises:
            JobFault: The attempt failed because of the job; any other exception counts as one, with reason INTERNAL.
            InfrastructureFault: Something that the job needs is unavailable.
            Stopped: A stop was requested.
        """
        ...
