"""`atelier.workflow.v1.WorkflowWorkerService`: nodes that workers report, and the graphs that they execute."""

import asyncio
from typing import Any

import grpc.aio

from atelier.workflow.v1 import workflow_worker_service_pb2, workflow_worker_service_pb2_grpc
from atelier_service.errors import FailedPreconditionError, NotFoundError, PermissionDeniedError
from atelier_service.identity import current_principal
from atelier_service.tasks import uninterrupted
from atelier_workflow.domain.execution_graphs import ExecutionGraphs
from atelier_workflow.domain.node_catalogue import NodeReports, check_report

Context = grpc.aio.ServicerContext[Any, Any]


class WorkflowWorkerServicer(workflow_worker_service_pb2_grpc.WorkflowWorkerServiceServicer):
    """Serves the workers of workflows."""

    def __init__(self, worker_service: str, reports: NodeReports, graphs: ExecutionGraphs) -> None:
        """
        Args:
            worker_service: Name of the service whose workers are served; others are refused.
            reports: Stores the nodes of workers.
            graphs: The graphs of executions.
        """
        self._worker_service = worker_service
        self._reports = reports
        self._graphs = graphs

    async def ReportNodes(
        self, request: workflow_worker_service_pb2.ReportNodesRequest, context: Context
    ) -> workflow_worker_service_pb2.ReportNodesResponse:
        """Stores the nodes of a worker, or that it lives."""
        self._check()
        if request.nodes:
            await asyncio.to_thread(check_report, request.nodes)
        if not await uninterrupted(self._reports.store(request.worker_id, request.nodes)):
            raise FailedPreconditionError("NODES_UNKNOWN", "the nodes of this worker are not stored: send them")
        return workflow_worker_service_pb2.ReportNodesResponse()

    async def GetExecutionGraph(
        self, request: workflow_worker_service_pb2.GetExecutionGraphRequest, context: Context
    ) -> workflow_worker_service_pb2.GetExecutionGraphResponse:
        """Returns the graph of an execution."""
        self._check()
        graph = await self._graphs.get(request.id)
        if graph is None:
            metadata = {"execution_id": request.id}
            raise NotFoundError("EXECUTION_NOT_FOUND", "there is no such execution", metadata=metadata)
        return workflow_worker_service_pb2.GetExecutionGraphResponse(graph=graph)

    def _check(self) -> None:
        if current_principal().subject != f"service:{self._worker_service}":
            raise PermissionDeniedError("NOT_THIS_WORKER", f"workflows are executed by {self._worker_service}")
