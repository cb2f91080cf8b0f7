"""The caller's jobs of all kinds."""

from collections.abc import AsyncIterator, Iterable

from google.protobuf.empty_pb2 import Empty

from atelier.events.v1 import events_pb2
from atelier.events.v1.events_pb2 import Event, WatchJobRequest
from atelier.jobs.v1 import job_service_pb2
from atelier.jobs.v1.job_service_pb2 import (
    CancelJobRequest,
    DeleteJobRequest,
    GetJobRequest,
    Job,
    ListJobsRequest,
    ListJobsResponse,
)
from atelier_client.connection import Connection
from atelier_client.errors import UnreachableKindsError
from atelier_client.job import AsyncJob, JobRecord
from atelier_client.job_kind import JobKind
from atelier_client.jobs import JobsById
from atelier_client.paging import page_size, pages
from atelier_client.rpc import rpc
from atelier_client.states import state_named

_FILE = job_service_pb2.DESCRIPTOR
_KIND = JobKind(
    list=rpc(_FILE, "JobService.ListJobs", ListJobsRequest, ListJobsResponse),
    listed=lambda page: page.jobs,
    get=rpc(_FILE, "JobService.GetJob", GetJobRequest, Job),
    cancel=rpc(_FILE, "JobService.CancelJob", CancelJobRequest, Job),
    delete=rpc(_FILE, "JobService.DeleteJob", DeleteJobRequest, Empty),
    watch=rpc(events_pb2.DESCRIPTOR, "JobEventService.WatchJob", WatchJobRequest, Event),
)


class AnyJobRecord(JobRecord[Job]):
    """The record of a job of any kind when it was fetched. `message` is the whole record of the contract."""

    @property
    def kind_name(self) -> str:
        """The kind of the job, such as `image`, `video` or `workflow`."""
        return self.message.kind

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.kind_name} {self.id} {self.state}>"


class AsyncAnyJob(AsyncJob[Job], AnyJobRecord):
    """A job of any kind of an `AsyncClient`. The object is immutable: methods that change the job return a new one."""

    kind = _KIND


class AsyncAllJobs(JobsById[AsyncAnyJob]):
    """`client.jobs`."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, AsyncAnyJob)

    async def list(
        self,
        *,
        kinds: Iterable[str] = (),
        states: Iterable[str] = (),
        parent_id: str = "",
        limit: int | None = None,
    ) -> AsyncIterator[AsyncAnyJob]:
        """Yields jobs, newest first; pages are fetched as needed.

        Args:
            kinds: Only jobs of these kinds, such as `image`; empty for all.
            states: Only jobs in these states, such as `SUCCEEDED`; empty for all.
            parent_id: Only jobs that are a part of this job.
            limit: The largest number of jobs; None for all.

        Raises:
            ValueError: There is no such state.
            UnreachableKindsError: After the last job: the jobs of some kinds are missing, since their service is
                unavailable.
        """
        request = ListJobsRequest(
            kinds=kinds, states=map(state_named, states), parent_id=parent_id, page_size=page_size(limit)
        )
        unreachable: set[str] = set()

        async def fetch(token: str) -> ListJobsResponse:
            request.page_token = token
            page: ListJobsResponse = await self._connection.call(_KIND.list, request)
            unreachable.update(page.unreachable)
            return page

        async for message in pages(fetch, _KIND.listed, limit):
            yield self._of(message)
        if unreachable:
            raise UnreachableKindsError(unreachable)
