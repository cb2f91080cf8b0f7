"""The caller's executions of graphs."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from atelier.workflow.v1 import execution_pb2
from atelier.workflow.v1.execution_pb2 import (
    CreateExecutionRequest,
    ExecuteWorkflowRequest,
    Execution,
    ExecutionParameters,
    GraphParameters,
)
from atelier_client.connection import Connection
from atelier_client.execution import AsyncExecution
from atelier_client.jobs import AsyncJobs
from atelier_client.priorities import priority_named
from atelier_client.rpc import rpc

_FILE = execution_pb2.DESCRIPTOR
_RUN = rpc(_FILE, "ExecutionService.CreateExecution", CreateExecutionRequest, Execution)
_EXECUTE = rpc(_FILE, "ExecutionService.ExecuteWorkflow", ExecuteWorkflowRequest, Execution)


class AsyncExecutions(AsyncJobs[AsyncExecution]):
    """`client.executions`."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, AsyncExecution, _RUN)
        self._of_workflows = AsyncJobs(connection, AsyncExecution, _EXECUTE)

    async def run(
        self,
        graph: Mapping[str, Any] | str,
        *,
        targets: Iterable[str] = (),
        asset_ids: Iterable[str] = (),
        metadata: Mapping[str, str] | None = None,
        wait: bool | float = True,
        idempotency_key: str | None = None,
        priority: str | None = None,
        parent_id: str = "",
    ) -> AsyncExecution:
        """Executes a graph that is not stored, and waits for it.

        Args:
            graph: The graph in ComfyUI's API format, or its JSON text.
            targets: Ids of the output nodes to run; empty: all.
            asset_ids: Assets that the graph reads, as files of that name.
            metadata: Labels of the caller's own.
            wait: As for `AsyncClient.generate`, and so are the following arguments.
            idempotency_key: A repeat with the same key returns the same execution.
            priority: `LOW`, `NORMAL` or `HIGH` (for administrators).
            parent_id: The id of another job of the caller, of which this one is a part.

        Raises:
            AtelierApiError: INVALID_ARGUMENT: `fields` names node and input of each fault.
            JobFailedError: The execution ended without outputs while it was waited for.
        """
        parameters = GraphParameters(
            graph=as_text(graph), targets=targets, asset_ids=asset_ids, metadata=dict(metadata or {})
        )
        request = CreateExecutionRequest(parameters=parameters, priority=priority_named(priority), parent_id=parent_id)
        return await self.submit(request, wait=wait, idempotency_key=idempotency_key)

    async def execute(
        self,
        workflow_id: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        version: int = 0,
        metadata: Mapping[str, str] | None = None,
        wait: bool | float = True,
        idempotency_key: str | None = None,
        priority: str | None = None,
        parent_id: str = "",
    ) -> AsyncExecution:
        """Executes a workflow of the caller or a template, and waits for it.

        Args:
            workflow_id: The workflow.
            inputs: Values of its typed inputs, by name; those of pictures and clips are ids of assets.
            version: Its version; 0: the newest.
            metadata: Labels of the caller's own.
            wait: As for `AsyncClient.generate`, and so are the following arguments.
            idempotency_key: A repeat with the same key returns the same execution.
            priority: `LOW`, `NORMAL` or `HIGH` (for administrators).
            parent_id: The id of another job of the caller, of which this one is a part.

        Raises:
            AtelierApiError: NOT_FOUND; INVALID_ARGUMENT: `fields` names the inputs.
            JobFailedError: The execution ended without outputs while it was waited for.
        """
        parameters = ExecutionParameters(
            inputs=json.dumps(dict(inputs or {})), version=version, metadata=dict(metadata or {})
        )
        request = ExecuteWorkflowRequest(
            id=workflow_id, parameters=parameters, priority=priority_named(priority), parent_id=parent_id
        )
        return await self._of_workflows.submit(request, wait=wait, idempotency_key=idempotency_key)


def as_text(graph: Mapping[str, Any] | str) -> str:
    """Returns a graph as JSON text."""
    return graph if isinstance(graph, str) else json.dumps(graph)
