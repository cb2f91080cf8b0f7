"""The workflow service with all that it needs, and a caller of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio

from atelier.events.v1 import events_pb2
from atelier.jobs.v1 import job_service_pb2_grpc
from atelier.storage.v1 import storage_pb2_grpc
from atelier.workflow.v1 import (
    execution_pb2,
    execution_pb2_grpc,
    workflow_pb2,
    workflow_pb2_grpc,
    workflow_worker_service_pb2,
    workflow_worker_service_pb2_grpc,
)
from atelier_workflow.domain.node_catalogue import write_report
from atelier_workflow.main import serve as serve_workflow
from atelier_workflow.schemas import SCHEMAS
from atelier_workflow.settings import WorkflowSettings
from tests.service.auth.running_auth import WORKER_SECRET
from tests.service.drawing_mesh import DrawingMesh, Serves, drawing_mesh
from tests.service.owner import Metadata
from tests.service.workflow.small_nodes import SMALL_NODES, described
from tests.support.nats import NatsServer
from tests.support.s3 import S3Server


@dataclass(frozen=True)
class Caller:
    """A caller of the workflow service."""

    channel: grpc.aio.Channel
    storage: grpc.aio.Channel
    metadata: Metadata

    @property
    def workflows(self) -> workflow_pb2_grpc.WorkflowServiceStub:
        return workflow_pb2_grpc.WorkflowServiceStub(self.channel)

    @property
    def executions(self) -> execution_pb2_grpc.ExecutionServiceStub:
        return execution_pb2_grpc.ExecutionServiceStub(self.channel)

    @property
    def jobs(self) -> job_service_pb2_grpc.JobServiceStub:
        return job_service_pb2_grpc.JobServiceStub(self.channel)

    @property
    def assets(self) -> Any:
        return storage_pb2_grpc.StorageServiceStub(self.storage)

    async def create(self, **fields: Any) -> workflow_pb2.Workflow:
        """Stores a workflow."""
        definition = workflow_pb2.WorkflowDefinition(**{"name": "sum", **fields})
        request = workflow_pb2.CreateWorkflowRequest(workflow=definition)
        return await self.workflows.CreateWorkflow(request, metadata=self.metadata)

    async def get(self, workflow_id: str, version: int = 0) -> workflow_pb2.Workflow:
        """Reads a workflow."""
        request = workflow_pb2.GetWorkflowRequest(id=workflow_id, version=version)
        return await self.workflows.GetWorkflow(request, metadata=self.metadata)

    async def update(self, workflow_id: str, etag: str = "", **fields: Any) -> workflow_pb2.Workflow:
        """Stores another version of a workflow."""
        definition = workflow_pb2.WorkflowDefinition(**{"name": "sum", **fields})
        request = workflow_pb2.UpdateWorkflowRequest(id=workflow_id, workflow=definition, etag=etag)
        return await self.workflows.UpdateWorkflow(request, metadata=self.metadata)

    async def execute(
        self, workflow_id: str, inputs: str = "", *, headers: Metadata = (), **fields: Any
    ) -> execution_pb2.Execution:
        """Executes a workflow."""
        parameters = execution_pb2.ExecutionParameters(inputs=inputs, **fields)
        request = execution_pb2.ExecuteWorkflowRequest(id=workflow_id, parameters=parameters)
        return await self.executions.ExecuteWorkflow(request, metadata=(*self.metadata, *headers))

    async def run(self, graph: str, *, headers: Metadata = (), **fields: Any) -> execution_pb2.Execution:
        """Executes a graph that is not stored."""
        parameters = execution_pb2.GraphParameters(graph=graph, **fields)
        request = execution_pb2.CreateExecutionRequest(parameters=parameters)
        return await self.executions.CreateExecution(request, metadata=(*self.metadata, *headers))

    async def execution(self, execution_id: str) -> execution_pb2.Execution:
        """Reads an execution."""
        request = execution_pb2.GetExecutionRequest(id=execution_id)
        return await self.executions.GetExecution(request, metadata=self.metadata)

    async def cancel(self, execution_id: str) -> execution_pb2.Execution:
        """Cancels an execution."""
        request = execution_pb2.CancelExecutionRequest(id=execution_id)
        return await self.executions.CancelExecution(request, metadata=self.metadata)

    async def watch(self, execution_id: str, after_seq: int | None = None) -> list[events_pb2.Event]:
        """Every event to the end of the stream."""
        request = execution_pb2.WatchExecutionRequest(id=execution_id, after_seq=after_seq)
        return [event async for event in self.executions.WatchExecution(request, metadata=self.metadata)]

    async def ended(self, execution_id: str) -> execution_pb2.Execution:
        """The execution when it has ended."""
        await self.watch(execution_id)
        return await self.execution(execution_id)


WorkflowMesh = DrawingMesh[Any]


async def report_nodes(mesh: WorkflowMesh, nodes: dict[str, type] | None = None, worker_id: str = "worker-1") -> None:
    """Reports nodes as a worker does."""
    report = write_report(described(SMALL_NODES if nodes is None else nodes))
    request = workflow_worker_service_pb2.ReportNodesRequest(worker_id=worker_id, nodes=report)
    metadata = await mesh.auth.as_service("atelier-workflow-worker", WORKER_SECRET)
    stub = workflow_worker_service_pb2_grpc.WorkflowWorkerServiceStub(mesh.channels[0])
    await stub.ReportNodes(request, metadata=metadata)


@asynccontextmanager
async def workflow_mesh(
    s3: S3Server,
    nats: NatsServer,
    folder: Path,
    *,
    worker: Serves,
    api_settings: dict[str, Any] | None = None,
) -> AsyncIterator[WorkflowMesh]:
    """Everything but the worker, which the test starts."""
    async with drawing_mesh(
        s3,
        nats,
        folder,
        Caller,  # type: ignore[arg-type]  # it is no caller of a service that draws
        schemas=SCHEMAS,
        api=lambda common, jwks: serve_workflow(WorkflowSettings(**common | (api_settings or {})), jwks),
        worker=worker,
    ) as mesh:
        yield mesh
