"""The caller's workflows: stored graphs with versions, typed inputs and named outputs."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from google.protobuf.empty_pb2 import Empty

from atelier.workflow.v1 import workflow_pb2
from atelier.workflow.v1.workflow_pb2 import (
    CreateWorkflowRequest,
    DeleteWorkflowRequest,
    GetNodeRequest,
    GetWorkflowRequest,
    ListNodesRequest,
    ListNodesResponse,
    ListWorkflowsRequest,
    ListWorkflowsResponse,
    ListWorkflowTemplatesRequest,
    ListWorkflowTemplatesResponse,
    Node,
    PublishWorkflowRequest,
    UpdateWorkflowRequest,
    Workflow,
    WorkflowDefinition,
    WorkflowInput,
    WorkflowOutput,
)
from atelier_client.connection import Connection
from atelier_client.executions import as_text
from atelier_client.paging import page_size, pages
from atelier_client.rpc import rpc

_FILE = workflow_pb2.DESCRIPTOR
_CREATE = rpc(_FILE, "WorkflowService.CreateWorkflow", CreateWorkflowRequest, Workflow, repeatable=False)
_LIST = rpc(_FILE, "WorkflowService.ListWorkflows", ListWorkflowsRequest, ListWorkflowsResponse)
_GET = rpc(_FILE, "WorkflowService.GetWorkflow", GetWorkflowRequest, Workflow)
_UPDATE = rpc(_FILE, "WorkflowService.UpdateWorkflow", UpdateWorkflowRequest, Workflow, repeatable=False)
_DELETE = rpc(_FILE, "WorkflowService.DeleteWorkflow", DeleteWorkflowRequest, Empty)
_PUBLISH = rpc(_FILE, "WorkflowService.PublishWorkflow", PublishWorkflowRequest, Workflow)
_TEMPLATES = rpc(
    _FILE, "WorkflowService.ListWorkflowTemplates", ListWorkflowTemplatesRequest, ListWorkflowTemplatesResponse
)
_NODES = rpc(_FILE, "WorkflowService.ListNodes", ListNodesRequest, ListNodesResponse)
_NODE = rpc(_FILE, "WorkflowService.GetNode", GetNodeRequest, Node)


class AsyncWorkflows:
    """`client.workflows`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(
        self,
        name: str,
        graph: Mapping[str, Any] | str = "",
        *,
        description: str = "",
        inputs: Iterable[WorkflowInput] = (),
        outputs: Iterable[WorkflowOutput] = (),
        template_id: str = "",
    ) -> Workflow:
        """Stores a new workflow.

        Args:
            name: A display name.
            graph: The graph in ComfyUI's API format, or its JSON text; empty with a template.
            description: What it does.
            inputs: Typed inputs.
            outputs: Named outputs; empty: all output nodes.
            template_id: A template whose graph, inputs and outputs are copied.

        Raises:
            AtelierApiError: INVALID_ARGUMENT: `fields` names node and input of each fault.
        """
        definition = _definition(name, graph, description, inputs, outputs)
        definition.template_id = template_id
        return await self._connection.call(_CREATE, CreateWorkflowRequest(workflow=definition))

    async def update(
        self,
        workflow_id: str,
        name: str,
        graph: Mapping[str, Any] | str,
        *,
        description: str = "",
        inputs: Iterable[WorkflowInput] = (),
        outputs: Iterable[WorkflowOutput] = (),
        etag: str = "",
    ) -> Workflow:
        """Stores a new version of a workflow; arguments as for `create`.

        Args:
            etag: The `etag` of the version that was edited: the update is refused when it is not the newest any more.
                Empty: no check.

        Raises:
            AtelierApiError: FAILED_PRECONDITION, reason VERSION_CONFLICT.
        """
        definition = _definition(name, graph, description, inputs, outputs)
        request = UpdateWorkflowRequest(id=workflow_id, workflow=definition, etag=etag)
        return await self._connection.call(_UPDATE, request)

    async def list(self, *, limit: int | None = None) -> AsyncIterator[Workflow]:
        """Yields workflows without their graphs, newest first, at most `limit`; None for all."""
        size = page_size(limit)

        async def fetch(token: str) -> ListWorkflowsResponse:
            return await self._connection.call(_LIST, ListWorkflowsRequest(page_size=size, page_token=token))

        async for workflow in pages(fetch, lambda page: page.workflows, limit):
            yield workflow

    async def get(self, workflow_id: str, version: int = 0) -> Workflow:
        """Returns a workflow or a template in one version, 0 for the newest. Raises AtelierApiError NOT_FOUND."""
        return await self._connection.call(_GET, GetWorkflowRequest(id=workflow_id, version=version))

    async def delete(self, workflow_id: str) -> None:
        """Deletes a workflow with all of its versions."""
        await self._connection.call(_DELETE, DeleteWorkflowRequest(id=workflow_id))

    async def publish(self, workflow_id: str, *, withdraw: bool = False) -> Workflow:
        """Makes the newest version a template for all users, or withdraws it (administrators only)."""
        return await self._connection.call(_PUBLISH, PublishWorkflowRequest(id=workflow_id, withdraw=withdraw))

    async def templates(self) -> Sequence[Workflow]:
        """Returns the templates, without their graphs."""
        response = await self._connection.call(_TEMPLATES, ListWorkflowTemplatesRequest())
        return list(response.workflows)

    async def nodes(self, *, category: str = "", pack: str = "") -> Sequence[Node]:
        """Returns the nodes of a category and a pack (empty: all), without their inputs."""
        response = await self._connection.call(_NODES, ListNodesRequest(category=category, pack=pack))
        return list(response.nodes)

    async def node(self, class_type: str) -> Node:
        """Returns one node with its inputs and outputs. Raises AtelierApiError NOT_FOUND."""
        return await self._connection.call(_NODE, GetNodeRequest(class_type=class_type))


def _definition(
    name: str,
    graph: Mapping[str, Any] | str,
    description: str,
    inputs: Iterable[WorkflowInput],
    outputs: Iterable[WorkflowOutput],
) -> WorkflowDefinition:
    return WorkflowDefinition(name=name, description=description, graph=as_text(graph), inputs=inputs, outputs=outputs)
