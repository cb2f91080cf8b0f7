"""Events of a job as messages of the contract, made where they are sent."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from atelier.events.v1 import events_pb2
from atelier.jobs.v1 import job_pb2
from atelier_jobs.domain.event import JobEvent
from atelier_jobs.domain.job import Failure, Job
from atelier_jobs.domain.progress import Progress
from atelier_jobs.messaging import subjects
from atelier_jobs.wire.progress_messages import progress_message
from atelier_service.telemetry import trace_id_of

ContentUrls = Callable[[str, bytes], Sequence[str]]
"""Returns the paths of a job's outputs below the gateway, from its id and its result."""


def _no_urls(_job_id: str, _result: bytes) -> Sequence[str]:
    return ()


class EventFactory:
    """Makes messages from domain events. `content_urls` is the service's own: the plane reads no result."""

    def __init__(self, content_urls: ContentUrls = _no_urls) -> None:
        self._content_urls = content_urls

    def changed(self, event: JobEvent) -> events_pb2.Event:
        """Makes the message of a durable event."""
        message = _message(subjects.PROGRESS, event)
        message.generation_progress.CopyFrom(self._update(event))
        return message

    def snapshot(self, job: Job, time_us: int) -> events_pb2.Event:
        """Makes a snapshot of the job, with which a stream begins; `time_us` is in microseconds since the epoch."""
        event = JobEvent.of(job, time_us)
        message = _message(subjects.SNAPSHOT, event)
        message.snapshot.CopyFrom(self._update(event))
        return message

    def failed(self, event: JobEvent) -> events_pb2.Event:
        """Makes the error notification of a FAILED job."""
        message = _message(subjects.ERROR, event)
        message.error_notification.kind = event.kind
        if event.failure is not None:
            message.error_notification.error.CopyFrom(failure_message(event.failure))
        return message

    def advanced(
        self,
        job: Job,
        time_us: int,
        progress: Progress,
        *,
        eta_s: float | None = None,
        preview: bytes = b"",
        preview_content_type: str = "",
    ) -> events_pb2.Event:
        """Makes the ephemeral event of a running job's progress.

        Args:
            job: The job as it was when it was claimed; the event has the number of that claim's durable event.
            time_us: Microseconds since the epoch.
            progress: Its progress now.
            eta_s: Estimated seconds to the end; None while unknown.
            preview: A small picture of the unfinished output, encoded; empty for none.
            preview_content_type: Content type of the preview.
        """
        event = JobEvent.of(replace(job, progress=progress), time_us)
        message = _message(subjects.PROGRESS, event)
        message.generation_progress.CopyFrom(self._update(event))
        if eta_s is not None:
            message.generation_progress.progress.eta_s = eta_s
        if preview:
            message.generation_progress.preview = preview
            message.generation_progress.preview_content_type = preview_content_type
        return message

    def _update(self, event: JobEvent) -> events_pb2.GenerationProgress:
        message = events_pb2.GenerationProgress(
            kind=event.kind,
            revision=event.revision,
            state=job_pb2.State.ValueType(event.state),
            progress=progress_message(event.progress),
            attempt=event.attempt,
            terminal=event.state.terminal,
            cached=event.cached,
        )
        if event.failure is not None:
            message.error.CopyFrom(failure_message(event.failure))
        if event.result is not None:
            message.content_urls.extend(self._content_urls(event.job_id, event.result))
        return message


def heartbeat(job_id: str, time_us: int) -> events_pb2.Event:
    """Makes the message that is sent on an idle stream, to show that it is open."""
    message = events_pb2.Event(type=subjects.HEARTBEAT, job_id=job_id, heartbeat=events_pb2.Heartbeat())
    message.time.FromMicroseconds(time_us)
    return message


def failure_message(failure: Failure) -> job_pb2.Failure:
    """Makes the message of a failure."""
    return job_pb2.Failure(reason=failure.reason, message=failure.message)


def _message(event_type: str, event: JobEvent) -> events_pb2.Event:
    trace_id = trace_id_of(event.traceparent)
    message = events_pb2.Event(type=event_type, job_id=event.job_id, seq=event.seq, trace_id=trace_id)
    message.time.FromMicroseconds(event.time_us)
    return message
