"""The workflow store: the port to stored workflows and their versions."""

from collections.abc import Sequence
from typing import Protocol

from atelier_workflow.domain.workflow import Definition, Workflow


class WorkflowStore(Protocol):
    """Stores workflows. Every method raises UnavailableError while the database is unavailable."""

    async def create(self, owner: str, definition: Definition, node_count: int, *, limit: int) -> Workflow:
        """Stores the first version of a new workflow.

        Args:
            owner: Its owner.
            definition: What it is made of.
            node_count: Number of nodes in the graph.
            limit: How many workflows one owner may have.

        Raises:
            ResourceExhaustedError: WORKFLOWS_FULL, the owner has that many.
        """
        ...

    async def add_version(
        self, owner: str, workflow_id: str, definition: Definition, node_count: int, *, expected_version: int | None
    ) -> Workflow:
        """Stores a new version of a workflow of the owner.

        Args:
            owner: Its owner.
            workflow_id: The workflow.
            definition: What the new version is made of.
            node_count: Number of nodes in the graph.
            expected_version: The version that must be the newest one; None: any.

        Raises:
            NotFoundError: WORKFLOW_NOT_FOUND, the owner has no such workflow.
            FailedPreconditionError: VERSION_CONFLICT (HTTP 412), another version is the newest.
        """
        ...

    async def get(self, workflow_id: str, version: int) -> Workflow | None:
        """Returns one version of a workflow of any owner, 0 for the newest; None when there is none."""
        ...

    async def page(self, owner: str, *, before: str, limit: int) -> tuple[Sequence[Workflow], bool]:
        """Returns a page of the owner's workflows, newest first, without graphs, and whether older ones follow.

        Args:
            owner: Their owner.
            before: Only workflows with a smaller id; empty: all.
            limit: The maximum number of workflows.
        """
        ...

    async def published(self) -> Sequence[Workflow]:
        """Returns the published version of every published workflow, by name, without graphs."""
        ...

    async def publish(self, owner: str, workflow_id: str, *, withdraw: bool) -> Workflow:
        """Publishes the newest version of a workflow of the owner, or withdraws it. Raises NotFoundError."""
        ...

    async def delete(self, owner: str, workflow_id: str) -> None:
        """Deletes a workflow of the owner with all of its versions. Raises NotFoundError."""
        ...
