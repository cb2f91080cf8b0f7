"""Node reporting: the worker reports the nodes that it can run, and that it is alive."""

import asyncio
from collections.abc import Callable
from typing import Any

import psutil
import structlog

from atelier.jobs.v1 import worker_service_pb2
from atelier.workflow.v1 import workflow_worker_service_pb2, workflow_worker_service_pb2_grpc
from atelier_jobs.worker.plane_calls import PlaneCalls
from atelier_jobs.worker.plane_connection import PlaneConnection
from atelier_nodes.pool.errors import HostLostError
from atelier_service.errors import UnavailableError
from atelier_workflow.domain.execution import WORKFLOW
from atelier_workflow.domain.node_catalogue import write_report
from atelier_workflow.worker.graph_pool import GraphPool

_log = structlog.get_logger(__name__)

_UNKNOWN = "NODES_UNKNOWN"


class NodeReporting:
    """Reports to the plane; goes on while the plane is unavailable."""

    def __init__(self, plane: PlaneConnection, worker_id: str, *, every_s: float) -> None:
        """`every_s`: seconds between two reports."""
        self._stub: Any = workflow_worker_service_pb2_grpc.WorkflowWorkerServiceStub(plane.channel)
        self._stream = plane.stream
        self._calls = PlaneCalls(WORKFLOW.name)
        self._worker_id = worker_id
        self._every_s = every_s
        self._ready = asyncio.Event()

    @property
    def ready(self) -> bool:
        """True once the plane has stored the nodes of this worker; executions are claimed from then on."""
        return self._ready.is_set()

    async def graph_of(self, execution_id: str) -> str:
        """Returns the graph of an execution. Raises UnavailableError."""
        request = workflow_worker_service_pb2.GetExecutionGraphRequest(id=execution_id)
        response = await self._calls.call(self._stub.GetExecutionGraph, request)
        graph: str = response.graph
        return graph

    async def run(self, pool: GraphPool, oldest_job: Callable[[], tuple[str, int] | None]) -> None:
        """Reports until it is cancelled.

        Args:
            pool: The pool, whose catalogue is reported.
            oldest_job: Returns the id and the epoch of the running execution that started first; None when none runs.
        """
        report = b""
        while True:
            self._stream.report(_condition(oldest_job()))
            try:
                if not report:
                    report = await _nodes(pool)
                await self._send(report)
            except HostLostError as error:
                _log.warning("no host has loaded its nodes", reason=error.reason, error=error.message)
            except UnavailableError as error:
                _log.warning("nodes are not reported yet", reason=error.reason)
            await asyncio.sleep(self._every_s)

    async def _send(self, report: bytes) -> None:
        if self._ready.is_set():
            try:
                await self._call(b"")
            except UnavailableError as error:
                if error.reason != _UNKNOWN:
                    raise
            else:
                return
        await self._call(report)
        self._ready.set()

    async def _call(self, nodes: bytes) -> None:
        request = workflow_worker_service_pb2.ReportNodesRequest(worker_id=self._worker_id, nodes=nodes)
        await self._calls.call(self._stub.ReportNodes, request)


async def _nodes(pool: GraphPool) -> bytes:
    catalogue = await pool.catalogue()
    return await asyncio.to_thread(write_report, catalogue.classes)


def _condition(oldest: tuple[str, int] | None) -> worker_service_pb2.WorkerCondition:
    condition = worker_service_pb2.WorkerCondition(device="cpu", memory_bytes=psutil.Process().memory_info().rss)
    if oldest is not None:
        condition.job.job_id, condition.job.epoch = oldest
    return condition
