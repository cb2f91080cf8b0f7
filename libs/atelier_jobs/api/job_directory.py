"""The directory of jobs: jobs of every kind in one list, each kind from the service that stores it."""

import hashlib
from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import grpc.aio
from google.api import httpbody_pb2

from atelier.events.v1 import events_pb2
from atelier.jobs.v1 import job_service_pb2
from atelier_service.errors import InvalidArgumentError, NotFoundError
from atelier_service.federation import Federation
from atelier_service.paging import decode_token, encode_token, fitting, page_size

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class JobsPage:
    """Jobs of one kind, newest first; `more` is True when older ones follow."""

    jobs: Sequence[job_service_pb2.Job]
    more: bool


class JobSource(Protocol):
    """The caller's jobs of one kind.

    Methods raise NotFoundError for a job that is not there or not the caller's, and UnavailableError.
    """

    async def page(self, request: job_service_pb2.ListJobsRequest, *, before: str, limit: int) -> JobsPage:
        """Returns the newest jobs that pass the filters of `request`.

        Args:
            request: The filters; its page size and token are not read.
            before: Only jobs with a smaller id; empty: all.
            limit: The maximum number of jobs.
        """
        ...

    async def get(self, job_id: str) -> job_service_pb2.Job:
        """Returns one job."""
        ...

    async def cancel(self, job_id: str) -> job_service_pb2.Job:
        """Requests that a job stops, and returns it; one that has ended is not changed."""
        ...

    async def delete(self, job_id: str) -> None:
        """Stops a job if it runs, and deletes it with its files."""
        ...

    def events(self, request: events_pb2.WatchJobRequest, context: Context) -> AsyncGenerator[events_pb2.Event, None]:
        """Streams the events of one job to its end."""
        ...

    def bodies(
        self, request: events_pb2.WatchJobRequest, context: Context
    ) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
        """Streams the same for REST."""
        ...


class JobDirectory:
    """The caller's jobs of all kinds. A call that a peer forwarded returns those of the own kind only."""

    def __init__(self, kinds: Federation[JobSource]) -> None:
        """`kinds` names each source after the kind of its jobs."""
        self._kinds = kinds

    async def page(
        self, request: job_service_pb2.ListJobsRequest, context: Context
    ) -> job_service_pb2.ListJobsResponse:
        """Returns a page of the jobs of several kinds.

        Ids are UUIDv7 and sort by time, so a page goes on from the last id of the one before, whatever was added or
        removed meanwhile.

        Raises:
            InvalidArgumentError: An unknown kind, or a token that belongs to other filters.
            UnavailableError: None of the kinds can be reached.
        """
        kinds = self._kinds.serving(context)
        self._check_kinds(request.kinds, kinds.names)
        before = _position(request)
        limit = page_size(request.page_size)
        gathered = await kinds.gather(
            lambda source: source.page(request, before=before, limit=limit), request.kinds or None
        )
        jobs, last = merge(gathered.parts.values(), limit)
        return job_service_pb2.ListJobsResponse(
            jobs=jobs,
            next_page_token=page_token(request, last) if last else "",
            unreachable=gathered.unreachable,
        )

    async def get(self, job_id: str, context: Context) -> job_service_pb2.Job:
        """Returns one job. Raises like Federation.find."""
        return await self._kinds.serving(context).find(lambda source: source.get(job_id))

    async def cancel(self, job_id: str, context: Context) -> job_service_pb2.Job:
        """Requests that a job stops. Raises like Federation.find."""
        return await self._kinds.serving(context).find(lambda source: source.cancel(job_id))

    async def delete(self, job_id: str, context: Context) -> None:
        """Deletes a job. Raises like Federation.find."""
        await self._kinds.serving(context).find(lambda source: source.delete(job_id))

    async def check_parent(self, parent_id: str, context: Context) -> None:
        """Checks that the caller has the job that is to be the parent of another one.

        Raises:
            NotFoundError: There is no such job of the caller (reason PARENT_NOT_FOUND).
            UnavailableError: It may be of a kind whose service is unavailable.
        """
        try:
            await self.get(parent_id, context)
        except NotFoundError as error:
            text = "parent_id: there is no such job"
            raise NotFoundError("PARENT_NOT_FOUND", text, metadata={"parent_id": parent_id}) from error

    async def holder(self, job_id: str, context: Context) -> JobSource:
        """Returns the source that stores a job. Raises like Federation.find."""

        async def having(source: JobSource) -> JobSource:
            await source.get(job_id)
            return source

        return await self._kinds.serving(context).find(having)

    def _check_kinds(self, wanted: Iterable[str], known: Collection[str]) -> None:
        for number, kind in enumerate(wanted):
            if kind not in known:
                text = f"is none of {', '.join(sorted(known))}"
                raise InvalidArgumentError.of_field(f"kinds[{number}]", text, reason="UNKNOWN_KIND")


def merge(pages: Collection[JobsPage], limit: int) -> tuple[list[job_service_pb2.Job], str]:
    """Merges pages of several kinds.

    Args:
        pages: Newest first, all from the same position on.
        limit: The maximum number of jobs.

    Returns:
        The jobs, newest first, and the position of the next page; empty when nothing follows.
    """
    # Below the last job of a page that is cut off, other jobs of its kind may follow: nothing older is taken.
    horizon = max((page.jobs[-1].id for page in pages if page.more and page.jobs), default="")
    found = sorted((job for page in pages for job in page.jobs), key=lambda job: job.id, reverse=True)
    jobs = fitting([job for job in found if job.id >= horizon][:limit])
    is_last = len(jobs) == len(found) and not any(page.more for page in pages)
    return jobs, "" if is_last else jobs[-1].id


def page_token(request: job_service_pb2.ListJobsRequest, before: str) -> str:
    """Returns the token of the page of jobs with an id below `before`, with the filters of `request`."""
    return encode_token(before, _filters_digest(request))


def _filters_digest(request: job_service_pb2.ListJobsRequest) -> str:
    """Returns the digest of the filters, which a page token is bound to."""
    filters = [sorted(set(request.kinds)), sorted(set(request.states)), request.parent_id]
    return hashlib.sha256(repr(filters).encode()).hexdigest()[:16]


def _position(request: job_service_pb2.ListJobsRequest) -> str:
    if not request.page_token:
        return ""
    before, digest = decode_token(request.page_token, 2)
    if digest != _filters_digest(request):
        raise InvalidArgumentError.of_field("page_token", "is of a list with other filters")
    return str(before)
