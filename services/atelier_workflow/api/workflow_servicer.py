"""`atelier.workflow.v1.WorkflowService`."""

from typing import Any

import grpc.aio
from google.protobuf import empty_pb2

from atelier.workflow.v1 import workflow_pb2, workflow_pb2_grpc
from atelier_service.errors import InvalidArgumentError, NotFoundError
from atelier_service.http import request_header, set_http
from atelier_service.identity import current_principal
from atelier_service.paging import decode_token, encode_token, fitting, page_size
from atelier_workflow.api.workflow_messages import (
    definition_from,
    node_message,
    node_summary,
    workflow_message,
    workflow_path,
)
from atelier_workflow.domain.node_catalogue import NodeCatalogue
from atelier_workflow.domain.workflows import Workflows

Context = grpc.aio.ServicerContext[Any, Any]


class WorkflowServicer(workflow_pb2_grpc.WorkflowServiceServicer):
    """Owners see their own workflows and the templates; all others are NOT_FOUND."""

    def __init__(self, workflows: Workflows, catalogue: NodeCatalogue) -> None:
        self._workflows = workflows
        self._catalogue = catalogue

    async def CreateWorkflow(
        self, request: workflow_pb2.CreateWorkflowRequest, context: Context
    ) -> workflow_pb2.Workflow:
        """Stores a new workflow."""
        owner, definition = current_principal().subject, definition_from(request.workflow)
        workflow = await self._workflows.create(owner, definition, request.workflow.template_id)
        await set_http(context, 201, location=workflow_path(workflow.id), etag=workflow.etag)
        return workflow_message(workflow)

    async def ListWorkflows(
        self, request: workflow_pb2.ListWorkflowsRequest, context: Context
    ) -> workflow_pb2.ListWorkflowsResponse:
        """Pages by id: UUIDv7 sort by time."""
        before = str(decode_token(request.page_token, 1)[0]) if request.page_token else ""
        limit = page_size(request.page_size)
        found, more = await self._workflows.page(current_principal().subject, before=before, limit=limit)
        workflows = fitting(map(workflow_message, found))
        more = more or len(workflows) < len(found)
        token = encode_token(workflows[-1].id) if more else ""
        return workflow_pb2.ListWorkflowsResponse(workflows=workflows, next_page_token=token)

    async def GetWorkflow(self, request: workflow_pb2.GetWorkflowRequest, context: Context) -> workflow_pb2.Workflow:
        """Returns one version of a workflow."""
        workflow = await self._workflows.get(current_principal().subject, request.id, request.version)
        await set_http(context, etag=workflow.etag)
        return workflow_message(workflow)

    async def UpdateWorkflow(
        self, request: workflow_pb2.UpdateWorkflowRequest, context: Context
    ) -> workflow_pb2.Workflow:
        """Stores a new version of a workflow."""
        if request.workflow.template_id:
            text = "is for a new workflow only"
            raise InvalidArgumentError.of_field("workflow.template_id", text, reason="INVALID_WORKFLOW")
        expected = _expected_version(request_header(context, "if-match") or request.etag)
        owner, definition = current_principal().subject, definition_from(request.workflow)
        workflow = await self._workflows.update(owner, request.id, definition, expected_version=expected)
        await set_http(context, etag=workflow.etag)
        return workflow_message(workflow)

    async def DeleteWorkflow(self, request: workflow_pb2.DeleteWorkflowRequest, context: Context) -> empty_pb2.Empty:
        """Deletes a workflow."""
        await self._workflows.delete(current_principal().subject, request.id)
        return empty_pb2.Empty()

    async def PublishWorkflow(
        self, request: workflow_pb2.PublishWorkflowRequest, context: Context
    ) -> workflow_pb2.Workflow:
        """Publishes a workflow of an administrator, or withdraws it."""
        owner = current_principal().subject
        return workflow_message(await self._workflows.publish(owner, request.id, withdraw=request.withdraw))

    async def ListWorkflowTemplates(
        self, request: workflow_pb2.ListWorkflowTemplatesRequest, context: Context
    ) -> workflow_pb2.ListWorkflowTemplatesResponse:
        """Returns all templates."""
        templates = fitting(map(workflow_message, await self._workflows.templates()))
        return workflow_pb2.ListWorkflowTemplatesResponse(workflows=templates)

    async def ListNodes(
        self, request: workflow_pb2.ListNodesRequest, context: Context
    ) -> workflow_pb2.ListNodesResponse:
        """Returns the nodes of a category and a pack."""
        classes = await self._catalogue.classes()
        nodes = [node_summary(classes[name]) for name in sorted(classes)]
        if request.category:
            nodes = [node for node in nodes if f"{node.category}/".startswith(f"{request.category}/")]
        if request.pack:
            nodes = [node for node in nodes if node.pack == request.pack]
        return workflow_pb2.ListNodesResponse(nodes=nodes)

    async def GetNode(self, request: workflow_pb2.GetNodeRequest, context: Context) -> workflow_pb2.Node:
        """Returns one node."""
        node = (await self._catalogue.classes()).get(request.class_type)
        if node is None:
            metadata = {"class_type": request.class_type}
            raise NotFoundError("NODE_NOT_FOUND", "there is no such node", metadata=metadata)
        return node_message(node)


def _expected_version(etag: str) -> int | None:
    """Returns the version that an etag names; None: any. Raises InvalidArgumentError."""
    if not etag or etag == "*":
        return None
    digits = etag.removeprefix("W/").strip('"')
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        raise InvalidArgumentError.of_field("if-match", "is not an etag that a response had")
    return int(digits)
