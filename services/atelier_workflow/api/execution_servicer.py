"""`atelier.workflow.v1.ExecutionService`, and `ExecutionStreamService` for its event streams over REST."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc.aio
from google.api import httpbody_pb2
from google.protobuf import empty_pb2
from google.protobuf.message import Message

from atelier.events.v1 import events_pb2
from atelier.jobs.v1 import job_pb2
from atelier.workflow.v1 import execution_pb2, execution_pb2_grpc
from atelier_jobs.api.event_streams import EventStreams
from atelier_jobs.api.job_api import JobApi
from atelier_jobs.domain.owner_jobs import IdempotencyKey, Placement
from atelier_jobs.domain.store import Submitted
from atelier_service.url_signing import UrlSigner
from atelier_workflow.api.execution_messages import execution_message
from atelier_workflow.domain.executions import Executions

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(slots=True)
class _Submit:
    """A submit as JobApi takes it; a repeat must have equal `parameters`, which include the workflow's id."""

    parameters: Message
    request_id: str
    priority: job_pb2.Priority.ValueType
    parent_id: str


class ExecutionServicer(execution_pb2_grpc.ExecutionServiceServicer):
    """Owners see their own executions only; for all others NOT_FOUND is returned."""

    def __init__(self, jobs: JobApi, executions: Executions, streams: EventStreams, urls: UrlSigner) -> None:
        self._jobs = jobs
        self._executions = executions
        self._streams = streams
        self._urls = urls

    async def ExecuteWorkflow(
        self, request: execution_pb2.ExecuteWorkflowRequest, context: Context
    ) -> execution_pb2.Execution:
        """Submits an execution of a workflow, and waits for its end when the caller prefers that."""
        asked = request.parameters

        async def submit(owner: str, key: IdempotencyKey, placement: Placement) -> Submitted:
            return await self._executions.submit_workflow(
                owner, request.id, asked.version, asked.inputs, _labels(asked.metadata), key, placement
            )

        repeated = execution_pb2.ExecuteWorkflowRequest(id=request.id, parameters=asked)
        submitted = _Submit(repeated, request.request_id, request.priority, request.parent_id)
        job = await self._jobs.submit(submitted, context, submit)
        return await self._urls.signed(request, execution_message(job))

    async def CreateExecution(
        self, request: execution_pb2.CreateExecutionRequest, context: Context
    ) -> execution_pb2.Execution:
        """Submits an execution of a graph, and waits for its end when the caller prefers that."""
        asked = request.parameters

        async def submit(owner: str, key: IdempotencyKey, placement: Placement) -> Submitted:
            return await self._executions.submit_graph(
                owner, asked.graph, tuple(asked.targets), tuple(asked.asset_ids), _labels(asked.metadata), key,
                placement,
            )  # fmt: skip

        submitted = _Submit(asked, request.request_id, request.priority, request.parent_id)
        job = await self._jobs.submit(submitted, context, submit)
        return await self._urls.signed(request, execution_message(job))

    async def ListExecutions(
        self, request: execution_pb2.ListExecutionsRequest, context: Context
    ) -> execution_pb2.ListExecutionsResponse:
        """See `JobApi.page`."""
        executions, next_page_token = await self._jobs.page(request, execution_message)
        page = execution_pb2.ListExecutionsResponse(executions=executions, next_page_token=next_page_token)
        return await self._urls.signed(request, page)

    async def GetExecution(
        self, request: execution_pb2.GetExecutionRequest, context: Context
    ) -> execution_pb2.Execution:
        """Returns one execution, with what it has made so far."""
        job = await self._jobs.get(request.id)
        message = execution_message(job, await self._jobs.result_so_far(job))
        return await self._urls.signed(request, message)

    async def DeleteExecution(self, request: execution_pb2.DeleteExecutionRequest, context: Context) -> empty_pb2.Empty:
        """Stops and deletes an execution."""
        await self._jobs.delete(request.id)
        return empty_pb2.Empty()

    async def CancelExecution(
        self, request: execution_pb2.CancelExecutionRequest, context: Context
    ) -> execution_pb2.Execution:
        """Requests that an execution stops."""
        return execution_message(await self._jobs.cancel(request.id))

    async def WatchExecution(
        self, request: execution_pb2.WatchExecutionRequest, context: Context
    ) -> AsyncIterator[events_pb2.Event]:
        """Streams the events of one execution to its end."""
        async with aclosing(self._streams.messages(request, context)) as events:
            async for event in events:
                yield event


class ExecutionStreamServicer(execution_pb2_grpc.ExecutionStreamServiceServicer):
    """Event streams over REST; owners see their own executions only."""

    def __init__(self, streams: EventStreams) -> None:
        self._streams = streams

    async def WatchExecution(
        self, request: execution_pb2.WatchExecutionRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """Streams the events of one execution to its end."""
        async with aclosing(self._streams.bodies(request, context)) as bodies:
            async for body in bodies:
                yield body


def _labels(metadata: Mapping[str, str]) -> dict[str, str]:
    return dict(metadata)
