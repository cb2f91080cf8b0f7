"""Events of a job as messages of the contract."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from atelier.events.v1 import events_pb2
from atelier.jobs.v1 import job_pb2
from atelier_jobs.domain.job import Failure, Job
from atelier_jobs.messaging import subjects
from atelier_service.telemetry import trace_id_of


def _no_urls(_job: Job) -> Sequence[str]:
    return ()


def progress_message(job: Job) -> job_pb2.Progress:
    """How far a job has come, where its count is that of denoising steps."""
    return job_pb2.Progress(step=job.step, steps=job.steps, fraction=job.fraction)


class EventFactory:
    """Makes events; `content_urls` tells where a SUCCEEDED job's outputs are (paths below the gateway).

    `progress` says how a job's one count, `step` of `steps`, reads; (step, frame) of its answer never goes back while
    the count does not.
    """

    def __init__(
        self,
        content_urls: Callable[[Job], Sequence[str]] = _no_urls,
        progress: Callable[[Job], job_pb2.Progress] = progress_message,
    ) -> None:
        self._content_urls = content_urls
        self.progress = progress

    def changed(self, job: Job, time_us: int) -> events_pb2.Event:
        """The kept event that `job` came to stand as it does."""
        event = self._event(subjects.PROGRESS, job, time_us)
        event.generation_progress.CopyFrom(self._progress(job))
        return event

    def snapshot(self, job: Job, time_us: int) -> events_pb2.Event:
        """The job as it stands, for the beginning of a stream."""
        event = self._event(subjects.SNAPSHOT, job, time_us)
        event.snapshot.CopyFrom(self._progress(job))
        return event

    def failed(self, job: Job, time_us: int) -> events_pb2.Event:
        """What a person should see of a FAILED job."""
        event = self._event(subjects.ERROR, job, time_us)
        event.error_notification.kind = job.kind
        if job.failure is not None:
            event.error_notification.error.CopyFrom(failure_message(job.failure))
        return event

    def step(
        self, job: Job, time_us: int, *, step: int, steps: int, eta_s: float | None, preview: bytes, preview_type: str
    ) -> events_pb2.Event:
        """A step of a running job: lossy, carries the number of the last kept event."""
        event = self._event(subjects.PROGRESS, job, time_us)
        progress = event.generation_progress
        progress.CopyFrom(self._progress(replace(job, step=step, steps=steps)))
        if eta_s is not None:
            progress.progress.eta_s = eta_s
        if preview:
            progress.preview = preview
            progress.preview_content_type = preview_type
        return event

    def _event(self, event_type: str, job: Job, time_us: int) -> events_pb2.Event:
        event = events_pb2.Event(type=event_type, job_id=job.id, seq=job.seq, trace_id=trace_id_of(job.traceparent))
        event.time.FromMicroseconds(time_us)
        return event

    def _progress(self, job: Job) -> events_pb2.GenerationProgress:
        message = events_pb2.GenerationProgress(
            kind=job.kind,
            revision=job.revision,
            state=job_pb2.State.ValueType(job.state),
            progress=self.progress(job),
            attempt=job.attempt,
            terminal=job.state.terminal,
            cached=job.cached,
        )
        if job.failure is not None:
            message.error.CopyFrom(failure_message(job.failure))
        if job.result is not None:
            message.content_urls.extend(self._content_urls(job))
        return message


def heartbeat(job_id: str, time_us: int) -> events_pb2.Event:
    """The stream lives."""
    event = events_pb2.Event(type=subjects.HEARTBEAT, job_id=job_id, heartbeat=events_pb2.Heartbeat())
    event.time.FromMicroseconds(time_us)
    return event


def failure_message(failure: Failure) -> job_pb2.Failure:
    """A failure as a message."""
    return job_pb2.Failure(reason=failure.reason, message=failure.message)
