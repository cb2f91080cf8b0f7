"""Child jobs: the jobs of other kinds whose parent is a job that the caller has cancelled or deleted."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

import structlog

from atelier.jobs.v1 import job_pb2, job_service_pb2
from atelier_jobs.api.job_directory import JobsPage
from atelier_service.errors import AtelierError

_log = structlog.get_logger(__name__)

_PAGE = 100
_AT_ONCE = 16
_STOPPABLE = (job_pb2.QUEUED, job_pb2.RUNNING)


class ChildSource(Protocol):
    """The caller's jobs of one kind; see JobSource."""

    async def page(self, request: job_service_pb2.ListJobsRequest, *, before: str, limit: int) -> JobsPage:
        """Returns the newest jobs that pass the filters of `request`."""
        ...

    async def cancel(self, job_id: str) -> job_service_pb2.Job:
        """Requests that a job stops."""
        ...


class ChildJobs:
    """The child jobs of jobs of this process's kind, in the services of their kinds.

    A worker cancels the children of its attempt itself; these are the children that no worker cancels, because the
    parent was deleted, or because its worker was lost before the cancel reached it.
    """

    def __init__(self, sources: Mapping[str, ChildSource]) -> None:
        """
        Args:
            sources: The caller's jobs of other kinds, by kind.
        """
        self._sources = sources

    async def cancel(self, parent_id: str) -> None:
        """Cancels the children of a job that have not ended.

        A service that is unavailable is logged: the parent has been cancelled, and its children end by themselves.

        Args:
            parent_id: The parent.
        """
        await asyncio.gather(*(self._cancel(kind, source, parent_id) for kind, source in self._sources.items()))

    async def _cancel(self, kind: str, source: ChildSource, parent_id: str) -> None:
        request = job_service_pb2.ListJobsRequest(parent_id=parent_id, states=_STOPPABLE)
        limit = asyncio.Semaphore(_AT_ONCE)

        async def cancel(job_id: str) -> None:
            async with limit:
                await source.cancel(job_id)

        before, more = "", True
        try:
            while more:
                page = await source.page(request, before=before, limit=_PAGE)
                await asyncio.gather(*(cancel(job.id) for job in page.jobs))
                more = page.more and bool(page.jobs)
                before = page.jobs[-1].id if page.jobs else ""
        except AtelierError as error:
            _log.warning("children of a job are not cancelled", job_id=parent_id, kind=kind, reason=error.reason)
