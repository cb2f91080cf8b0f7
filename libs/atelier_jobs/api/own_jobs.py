"""Jobs of this process's own kind: a JobSource over the job store."""

from collections.abc import AsyncGenerator, Callable

from google.api import httpbody_pb2

from atelier.events.v1 import events_pb2
from atelier.jobs.v1 import job_pb2, job_service_pb2
from atelier_jobs.api.child_jobs import ChildJobs
from atelier_jobs.api.event_streams import EventStreams
from atelier_jobs.api.job_directory import Context, JobsPage
from atelier_jobs.api.messages import job_fields
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.states import State
from atelier_jobs.domain.store import JobStore
from atelier_jobs.wire.progress_messages import progress_message
from atelier_service.identity import current_principal
from atelier_service.paging import fitting


class OwnJobs:
    """A JobSource over the job store of this process."""

    def __init__(
        self,
        kind: str,
        jobs: JobStore,
        streams: EventStreams,
        *,
        path_of: Callable[[str], str],
        children: ChildJobs | None = None,
    ) -> None:
        """
        Args:
            kind: Kind of the jobs.
            jobs: The job store.
            streams: The streams of their events.
            path_of: Returns the path below the gateway of a job's record in the API of its kind, by the job's id.
            children: Cancels the children of a job that is cancelled or deleted; None: they go on.
        """
        self._kind = kind
        self._jobs = jobs
        self._streams = streams
        self._path_of = path_of
        self._children = children

    async def page(self, request: job_service_pb2.ListJobsRequest, *, before: str, limit: int) -> JobsPage:
        """See JobSource.page."""
        owner = current_principal().subject
        states = [State(state) for state in request.states]
        page = await self._jobs.list(
            owner, kind=self._kind, states=states, parent_id=request.parent_id, before=before, limit=limit
        )
        messages = fitting(map(self._message, page.jobs))
        return JobsPage(messages, more=bool(page.next_before) or len(messages) < len(page.jobs))

    async def get(self, job_id: str) -> job_service_pb2.Job:
        """See JobSource.get."""
        return self._message(await self._jobs.get(current_principal().subject, job_id))

    async def cancel(self, job_id: str) -> job_service_pb2.Job:
        """See JobSource.cancel."""
        job = await self._jobs.cancel(current_principal().subject, job_id)
        if self._children is not None:
            await self._children.cancel(job_id)
        return self._message(job)

    async def delete(self, job_id: str) -> None:
        """See JobSource.delete."""
        await self._jobs.delete(current_principal().subject, job_id)
        if self._children is not None:
            await self._children.cancel(job_id)

    def events(self, request: events_pb2.WatchJobRequest, context: Context) -> AsyncGenerator[events_pb2.Event, None]:
        """See JobSource.events."""
        return self._streams.messages(request, context)

    def bodies(
        self, request: events_pb2.WatchJobRequest, context: Context
    ) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
        """See JobSource.bodies."""
        return self._streams.bodies(request, context)

    def _message(self, job: Job) -> job_service_pb2.Job:
        path = self._path_of(job.id)
        links = job_service_pb2.JobLinks(self=path, events=f"{path}/events", cancel=f"{path}/cancel")
        return job_service_pb2.Job(
            **job_fields(job), kind=job.kind, progress=progress_message(job.progress), links=links,
            priority=job_pb2.Priority.ValueType(job.priority), parent_id=job.parent_id, labels=job.labels,
        )  # fmt: skip
