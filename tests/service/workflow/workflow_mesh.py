"""The workflow service with all that it needs, and a caller of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import grpc.aio

from atelier.jobs.v1 import job_service_pb2_grpc
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
from tests.service.owner import Metadata, Owner
from tests.service.workflow.small_nodes import SMALL_NODES, described
from tests.support.nats import NatsServer
from tests.support.s3 import S3Server


class Caller(Owner[execution_pb2.Execution]):
    """A caller of the workflow service."""

    messages: ClassVar[Any] = execution_pb2
    noun = "Execution"
    model_messages: ClassVar[Any] = workflow_pb2
    model_noun = "Workflow"

    def __init__(self, channel: grpc.aio.Channel, storage: grpc.aio.Channel, metadata: Metadata) -> None:
        self.channel = channel
        self.executions = execution_pb2_grpc.ExecutionServiceStub(channel)
        self.workflows = workflow_pb2_grpc.WorkflowServiceStub(channel)
        super().__init__(self.executions, self.workflows, storage, metadata)

    @property
    def jobs(self) -> job_service_pb2_grpc.JobServiceStub:
        return job_service_pb2_grpc.JobServiceStub(self.channel)

    async def create(self, **fields: Any) -> workflow_pb2.Workflow:
        """Stores a workflow."""
        definition = workflow_pb2.WorkflowDefinition(**{"name": "sum", **fields})
        request = workflow_pb2.CreateWorkflowRequest(workflow=definition)
        return await self.workflows.CreateWorkflow(request, metadata=self.metadata)

    async def workflow(self, workflow_id: str, version: int = 0) -> workflow_pb2.Workflow:
        """Reads a workflow."""
        request = workflow_pb2.GetWorkflowRequest(id=workflow_id, version=version)
        return await self.workflows.GetWorkflow(request, metadata=self.metadata)

    async def change(self, workflow_id: str, etag: str = "", **fields: Any) -> workflow_pb2.Workflow:
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

    async def ended(self, execution_id: str) -> execution_pb2.Execution:
        """The execution when it has ended."""
        await self.watch(execution_id)
        return await self.execution(execution_id)


WorkflowMesh = DrawingMesh[Caller]


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
        Caller,
        schemas=SCHEMAS,
        api=lambda common, jwks: serve_workflow(WorkflowSettings(**common | (api_settings or {})), jwks),
        worker=worker,
    ) as mesh:
        yield mesh
