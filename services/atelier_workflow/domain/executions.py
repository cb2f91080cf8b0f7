"""Use cases of executions: submit a stored workflow, or a graph that is not stored."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from atelier_jobs.domain.owner_jobs import NO_KEY, USUAL, IdempotencyKey, OwnerJobs, Placement
from atelier_jobs.domain.store import Submitted
from atelier_service.errors import InvalidArgumentError
from atelier_service.ids import uuid7
from atelier_workflow.domain.execution import ExecutionSpec
from atelier_workflow.domain.execution_graphs import ExecutionGraphs
from atelier_workflow.domain.graph_rules import GraphRules
from atelier_workflow.domain.typed_inputs import applied, asset_ids, resolve
from atelier_workflow.domain.workflow import InputType
from atelier_workflow.domain.workflows import Workflows

_CONTENT_OF = {InputType.IMAGE: "image/", InputType.MASK: "image/", InputType.VIDEO: "video/"}


class Assets(Protocol):
    """Assets of the caller."""

    async def content_type(self, asset_id: str) -> str:
        """Returns the content type of an asset of the caller. Raises NotFoundError and UnavailableError."""
        ...


class Executions:
    """Submits executions of graphs."""

    def __init__(
        self, jobs: OwnerJobs, graphs: ExecutionGraphs, workflows: Workflows, rules: GraphRules, assets: Assets
    ) -> None:
        self._jobs = jobs
        self._graphs = graphs
        self._workflows = workflows
        self._rules = rules
        self._assets = assets

    async def submit_workflow(
        self,
        owner: str,
        workflow_id: str,
        version: int,
        inputs: str,
        metadata: Mapping[str, str],
        key: IdempotencyKey = NO_KEY,
        placement: Placement = USUAL,
    ) -> Submitted:
        """Submits an execution of a workflow.

        Args:
            owner: Owner of the execution.
            workflow_id: One of their workflows, or a template.
            version: Its version; 0: the newest.
            inputs: Values of typed inputs: a JSON object by name, as text; empty: none.
            metadata: The caller's labels.
            key: The idempotency key.
            placement: Priority and parent.

        Raises:
            InvalidArgumentError: INVALID_EXECUTION_INPUTS; or INVALID_GRAPH, the graph is not valid with these values.
            NotFoundError: There is no such workflow, version or asset.
            AtelierError: What OwnerJobs.submit raises; NO_NODES.
        """
        workflow = await self._workflows.get(owner, workflow_id, version)
        definition = workflow.definition
        graph = await self._rules.read(definition.graph)
        values = resolve(definition.inputs, _object(inputs), graph)
        assets = asset_ids(definition.inputs, values)
        for asset_id, kind in assets.items():
            content_type = await self._assets.content_type(asset_id)
            if not content_type.startswith(_CONTENT_OF.get(kind, "")):
                text = f"{asset_id} is {content_type}, and {kind.name} is expected"
                raise InvalidArgumentError.of_field("inputs", text, reason="INVALID_EXECUTION_INPUTS")
        valid = await self._rules.check(
            applied(graph, definition.inputs, values), [output.node_id for output in definition.outputs] or None
        )
        spec = ExecutionSpec(
            workflow_id=workflow.id,
            version=workflow.version,
            inputs=values,
            metadata=metadata,
            asset_ids=tuple(assets),
            targets=valid.targets,
            output_names={output.node_id: output.name for output in definition.outputs},
            node_count=len(valid.graph),
        )
        return await self._submit(owner, spec, valid.graph, key, placement)

    async def submit_graph(
        self,
        owner: str,
        graph: str,
        targets: tuple[str, ...],
        assets: tuple[str, ...],
        metadata: Mapping[str, str],
        key: IdempotencyKey = NO_KEY,
        placement: Placement = USUAL,
    ) -> Submitted:
        """Submits an execution of a graph that is not stored.

        Args:
            owner: Owner of the execution.
            graph: The graph, as JSON text.
            targets: Ids of the output nodes to run; empty: all.
            assets: Assets of the owner that the graph reads.
            metadata: The caller's labels.
            key: The idempotency key.
            placement: Priority and parent.

        Raises:
            InvalidArgumentError: INVALID_GRAPH.
            NotFoundError: There is no such asset.
            AtelierError: What OwnerJobs.submit raises; NO_NODES.
        """
        for asset_id in assets:
            await self._assets.content_type(asset_id)
        valid = await self._rules.check(await self._rules.read(graph), targets or None)
        spec = ExecutionSpec(
            metadata=metadata, asset_ids=assets, targets=valid.targets, node_count=len(valid.graph)
        )  # fmt: skip
        return await self._submit(owner, spec, valid.graph, key, placement)

    async def _submit(
        self, owner: str, spec: ExecutionSpec, graph: Mapping[str, Any], key: IdempotencyKey, placement: Placement
    ) -> Submitted:
        execution_id = uuid7()
        text = json.dumps(graph, separators=(",", ":"))
        return await self._jobs.submit(
            owner, execution_id, spec.to_bytes(), cost=float(spec.node_count), labels=spec.metadata,
            placement=placement, key=key, hook=self._graphs.storing(execution_id, text),
        )  # fmt: skip


def _object(text: str) -> Mapping[str, Any]:
    """Reads the values of typed inputs. Raises InvalidArgumentError."""
    try:
        values = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError.of_field("inputs", "is not JSON", reason="INVALID_EXECUTION_INPUTS") from error
    if not isinstance(values, dict):
        raise InvalidArgumentError.of_field("inputs", "is no JSON object", reason="INVALID_EXECUTION_INPUTS")
    return values
