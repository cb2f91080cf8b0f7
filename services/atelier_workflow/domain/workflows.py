"""Use cases of workflows: create, read, change, publish and delete."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from atelier_service.errors import InvalidArgumentError, NotFoundError
from atelier_workflow.domain.graph_rules import GraphRules
from atelier_workflow.domain.typed_inputs import check_declarations, resolve
from atelier_workflow.domain.workflow import Definition, Workflow, workflow_not_found
from atelier_workflow.domain.workflow_store import WorkflowStore


class Workflows:
    """Workflows of all owners. Each is visible to its owner; its published version, to every caller."""

    def __init__(
        self, store: WorkflowStore, rules: GraphRules, shipped: Mapping[str, Workflow], *, most_of_one_owner: int
    ) -> None:
        """
        Args:
            store: Stores workflows.
            rules: Checks graphs.
            shipped: The templates that ship, by id.
            most_of_one_owner: How many workflows one owner may have.
        """
        self._store = store
        self._rules = rules
        self._shipped = shipped
        self._most = most_of_one_owner

    async def create(self, owner: str, definition: Definition, template_id: str = "") -> Workflow:
        """Stores a new workflow.

        Args:
            owner: Its owner.
            definition: What it is made of; with a template, only its name and description.
            template_id: The template to copy; empty: none.

        Raises:
            InvalidArgumentError: The graph, a typed input or a named output is not valid.
            NotFoundError: There is no such template.
            ResourceExhaustedError: The owner has too many workflows.
            UnavailableError: No worker has reported its nodes yet, or the database is unavailable.
        """
        if template_id:
            definition = await self._from_template(owner, definition, template_id)
        node_count = await self._check(definition)
        return await self._store.create(owner, definition, node_count, limit=self._most)

    async def get(self, caller: str, workflow_id: str, version: int = 0) -> Workflow:
        """Returns one version of a workflow, 0 for the newest that the caller may read. Raises NotFoundError."""
        shipped = self._shipped.get(workflow_id)
        if shipped is not None and version in (0, shipped.version):
            return shipped
        workflow = await self._store.get(workflow_id, version)
        if workflow is None:
            raise workflow_not_found(workflow_id)
        if workflow.owner == caller:
            return workflow
        published = workflow.published_version
        if not published or version not in (0, published):
            raise workflow_not_found(workflow_id)
        return workflow if workflow.version == published else await self._published(workflow_id, published)

    async def page(self, owner: str, *, before: str, limit: int) -> tuple[Sequence[Workflow], bool]:
        """See WorkflowStore.page."""
        return await self._store.page(owner, before=before, limit=limit)

    async def templates(self) -> Sequence[Workflow]:
        """Returns all templates without graphs: those that ship, then those that are published."""
        shipped = [replace(w, definition=replace(w.definition, graph="")) for w in self._shipped.values()]
        return [*shipped, *await self._store.published()]

    async def update(
        self, owner: str, workflow_id: str, definition: Definition, *, expected_version: int | None
    ) -> Workflow:
        """Stores a new version. Raises what `create` and WorkflowStore.add_version raise."""
        workflow = await self._store.get(workflow_id, 0)  # what is not there is not validated
        if workflow is None or workflow.owner != owner:
            raise workflow_not_found(workflow_id)
        node_count = await self._check(definition)
        return await self._store.add_version(
            owner, workflow_id, definition, node_count, expected_version=expected_version
        )

    async def publish(self, owner: str, workflow_id: str, *, withdraw: bool) -> Workflow:
        """See WorkflowStore.publish."""
        return await self._store.publish(owner, workflow_id, withdraw=withdraw)

    async def delete(self, owner: str, workflow_id: str) -> None:
        """See WorkflowStore.delete."""
        await self._store.delete(owner, workflow_id)

    async def _check(self, definition: Definition) -> int:
        """Checks a definition with the default values of its inputs, and returns the number of nodes."""
        if not definition.graph:
            raise InvalidArgumentError.of_field("workflow.graph", "is required", reason="INVALID_GRAPH")
        graph = await self._rules.read(definition.graph)
        check_declarations(definition, graph)
        required = [typed for typed in definition.inputs if typed.required and typed.default is None]
        given = [typed for typed in definition.inputs if typed not in required]
        return await self._rules.check_definition(
            graph, definition, resolve(given, {}, graph), unset=[path for typed in required for path in typed.targets]
        )

    async def _from_template(self, caller: str, definition: Definition, template_id: str) -> Definition:
        try:
            template = await self.get(caller, template_id)
        except NotFoundError as error:
            text = "there is no such template"
            metadata = {"template_id": template_id}
            raise NotFoundError("TEMPLATE_NOT_FOUND", text, metadata=metadata) from error
        if definition.graph or definition.inputs or definition.outputs:
            text = "comes with its own graph, inputs and outputs: send none"
            raise InvalidArgumentError.of_field("workflow.template_id", text, reason="INVALID_WORKFLOW")
        copied = template.definition
        return replace(copied, name=definition.name, description=definition.description or copied.description)

    async def _published(self, workflow_id: str, version: int) -> Workflow:
        workflow = await self._store.get(workflow_id, version)
        if workflow is None:  # deleted since
            raise workflow_not_found(workflow_id)
        return workflow
