"""The servicers of jobs of every kind: `atelier.jobs.v1.JobService`, and the streams of their events."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc.aio
from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from atelier.events.v1 import events_pb2, events_pb2_grpc
from atelier.jobs.v1 import job_service_pb2, job_service_pb2_grpc
from atelier_jobs.api.job_directory import Context, JobDirectory
from atelier_service.url_signing import UrlSigner


class JobServicer(job_service_pb2_grpc.JobServiceServicer):
    """Owners see their own jobs only; another owner's job is NOT_FOUND like one that never existed."""

    def __init__(self, directory: JobDirectory, urls: UrlSigner) -> None:
        self._directory = directory
        self._urls = urls

    async def ListJobs(
        self, request: job_service_pb2.ListJobsRequest, context: Context
    ) -> job_service_pb2.ListJobsResponse:
        """See JobDirectory.page."""
        return await self._urls.signed(request, await self._directory.page(request, context))

    async def GetJob(self, request: job_service_pb2.GetJobRequest, context: Context) -> job_service_pb2.Job:
        """See JobDirectory.get."""
        return await self._urls.signed(request, await self._directory.get(request.id, context))

    async def CancelJob(self, request: job_service_pb2.CancelJobRequest, context: Context) -> job_service_pb2.Job:
        """See JobDirectory.cancel."""
        return await self._directory.cancel(request.id, context)

    async def DeleteJob(self, request: job_service_pb2.DeleteJobRequest, context: Context) -> empty_pb2.Empty:
        """See JobDirectory.delete."""
        await self._directory.delete(request.id, context)
        return empty_pb2.Empty()


class JobEventServicer(events_pb2_grpc.JobEventServiceServicer):
    """`atelier.events.v1.JobEventService`."""

    def __init__(self, directory: JobDirectory) -> None:
        self._directory = directory

    async def WatchJob(self, request: events_pb2.WatchJobRequest, context: Context) -> AsyncIterator[events_pb2.Event]:
        """Streams the events of one job to its end."""
        source = await self._directory.holder(request.id, context)
        async with aclosing(source.events(request, context)) as events:
            async for event in events:
                yield event


class JobEventStreamServicer(events_pb2_grpc.JobEventStreamServiceServicer):
    """`atelier.events.v1.JobEventStreamService`."""

    def __init__(self, directory: JobDirectory) -> None:
        self._directory = directory

    async def WatchJob(
        self, request: events_pb2.WatchJobRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """Streams the events of one job to its end."""
        source = await self._directory.holder(request.id, context)
        async with aclosing(source.bodies(request, context)) as bodies:
            async for body in bodies:
                yield body


def add_job_services(directory: JobDirectory, urls: UrlSigner, server: grpc.aio.Server) -> None:
    """Registers the three services."""
    job_service_pb2_grpc.add_JobServiceServicer_to_server(JobServicer(directory, urls), server)
    events_pb2_grpc.add_JobEventServiceServicer_to_server(JobEventServicer(directory), server)
    events_pb2_grpc.add_JobEventStreamServiceServicer_to_server(JobEventStreamServicer(directory), server)
