"""Graph rules: reading a graph, and its validation against the nodes that workers can run."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atelier_graph.errors import GraphError
from atelier_graph.json_value import parse_json
from atelier_graph.limits import GraphLimits
from atelier_graph.node_class import NodeClass
from atelier_graph.prompt import parse_prompt
from atelier_graph.validation import Validation, validate
from atelier_service.errors import FieldViolation, InvalidArgumentError
from atelier_workflow.domain.node_catalogue import NodeCatalogue
from atelier_workflow.domain.typed_inputs import applied
from atelier_workflow.domain.workflow import Definition, InputPath

_MOST_FAULTS = 100  # violations in one error


@dataclass(frozen=True, slots=True)
class ValidGraph:
    """A graph that can be executed.

    Attributes:
        graph: The graph, with literals converted to their declared types.
        targets: Ids of the output nodes to run.
    """

    graph: Mapping[str, Any]
    targets: tuple[str, ...]


class GraphRules:
    """Reads and validates graphs. Work that takes long runs in a thread."""

    def __init__(self, catalogue: NodeCatalogue, limits: GraphLimits) -> None:
        self._catalogue = catalogue
        self._limits = limits

    async def read(self, text: str) -> dict[str, Any]:
        """Reads a graph; integers keep all of their digits.

        Raises:
            InvalidArgumentError: INVALID_GRAPH, the text is not a JSON object.
        """
        try:
            value = await asyncio.to_thread(parse_json, text)
        except (GraphError, ValueError, RecursionError) as error:
            raise InvalidArgumentError.of_field("graph", "is not JSON", reason="INVALID_GRAPH") from error
        if not isinstance(value, dict):
            raise InvalidArgumentError.of_field("graph", "is no JSON object", reason="INVALID_GRAPH")
        return value

    async def check_definition(
        self, graph: Mapping[str, Any], definition: Definition, values: Mapping[str, Any], unset: Sequence[InputPath]
    ) -> int:
        """Checks the graph of a workflow, with the default values of its typed inputs.

        Args:
            graph: The graph.
            definition: The workflow.
            values: Values of its inputs, by name.
            unset: Inputs of nodes that receive their value with an execution; their faults are ignored.

        Returns:
            The number of nodes.

        Raises:
            InvalidArgumentError: INVALID_GRAPH, each fault with node and input.
            UnavailableError: NO_NODES, no worker has reported its nodes yet.
        """
        given = [typed for typed in definition.inputs if typed.name in values]
        targets = [output.node_id for output in definition.outputs] or None
        await self.check(applied(graph, given, values), targets, unset=unset)
        return len(graph)

    async def check(
        self, graph: Mapping[str, Any], targets: Sequence[str] | None, *, unset: Sequence[InputPath] = ()
    ) -> ValidGraph:
        """Checks a graph. Unlike in ComfyUI, one output that is not valid makes the whole graph invalid.

        Args:
            graph: The graph in API format.
            targets: Ids of the output nodes to run; None: all.
            unset: Inputs whose faults are ignored.

        Raises:
            InvalidArgumentError: INVALID_GRAPH, each fault with node and input.
            UnavailableError: NO_NODES, no worker has reported its nodes yet.
        """
        classes = await self._catalogue.classes()
        return await asyncio.to_thread(self._check, graph, targets, classes, frozenset(unset))

    def _check(
        self,
        graph: Mapping[str, Any],
        targets: Sequence[str] | None,
        classes: Mapping[str, NodeClass],
        unset: frozenset[InputPath],
    ) -> ValidGraph:
        try:
            prompt = parse_prompt(graph, self._limits)
        except GraphError as error:
            raise _refused(error.body) from error
        result: Validation = asyncio.run(validate(prompt, classes, targets=targets))
        faults = [fault for fault in _node_faults(result.node_errors) if fault.path not in unset]
        if faults or (result.error is not None and not result.node_errors):
            raise _refused({"error": result.error, "node_errors": result.node_errors}, faults)
        return ValidGraph(result.prompt.to_json(), tuple(result.outputs))


@dataclass(frozen=True, slots=True)
class _Fault:
    path: InputPath
    text: str

    @property
    def violation(self) -> FieldViolation:
        name = f"graph.{self.path.node_id}"
        return FieldViolation(f"{name}.inputs.{self.path.input}" if self.path.input else name, self.text)


def _node_faults(node_errors: Mapping[str, Any]) -> list[_Fault]:
    found = []
    for node_id, entry in node_errors.items():
        for error in entry["errors"]:
            name = str((error.get("extra_info") or {}).get("input_name") or "")
            details = f": {error['details']}" if error.get("details") else ""
            text = f"{error['type']}: {error['message']}{details} ({entry.get('class_type', '')})"
            found.append(_Fault(InputPath(node_id, name), text))
    return found


def _refused(body: Mapping[str, Any], faults: Sequence[_Fault] | None = None) -> InvalidArgumentError:
    """Returns the error for an invalid graph, made from errors in ComfyUI's shape."""
    if faults is None:
        faults = _node_faults(body.get("node_errors") or {})
    error = body.get("error") or {}
    violations = [fault.violation for fault in faults[:_MOST_FAULTS]]
    if not violations:
        node_id = str((error.get("extra_info") or {}).get("node_id") or "")
        details = f": {error['details']}" if error.get("details") else ""
        field = f"graph.{node_id}" if node_id else "graph"
        violations = [FieldViolation(field, f"{error.get('type')}: {error.get('message')}{details}")]
    first = violations[0]
    metadata = {"type": str(error.get("type") or ""), "faults": str(max(1, len(faults)))}
    return InvalidArgumentError(
        "INVALID_GRAPH", f"{first.field}: {first.description}", metadata=metadata, fields=violations
    )
