"""Typed inputs: their declarations, the values that a caller gives, and the graph with these values."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from atelier_service.errors import FieldViolation, InvalidArgumentError
from atelier_workflow.domain.workflow import Definition, InputPath, InputType, TypedInput

Graph = Mapping[str, Any]
_INT64 = range(-(2**63), 2**64)  # seeds of ComfyUI use all 64 bits without a sign


def check_declarations(definition: Definition, graph: Graph) -> None:
    """Checks typed inputs and named outputs against the graph.

    Raises:
        InvalidArgumentError: INVALID_WORKFLOW, with one violation for each fault.
    """
    faults = [*_input_faults(definition.inputs, graph), *_output_faults(definition, graph)]
    if faults:
        raise _invalid("INVALID_WORKFLOW", faults)


def resolve(inputs: Sequence[TypedInput], given: Mapping[str, Any], graph: Graph) -> dict[str, Any]:
    """Returns the values of typed inputs, by name: the given one, else the default, else the value in the graph.

    An input that has none of these is absent: its node uses a default of its own.

    Args:
        inputs: The typed inputs.
        given: The values that the caller gives, by name.
        graph: The graph.

    Raises:
        InvalidArgumentError: INVALID_EXECUTION_INPUTS: an unknown name, a missing value, or one of another type or
            out of bounds.
    """
    known = {typed.name: typed for typed in inputs}
    faults = [FieldViolation(f"inputs.{name}", "is no input of this workflow") for name in given if name not in known]
    values: dict[str, Any] = {}
    for name, typed in known.items():
        if name in given:
            value = given[name]
        elif typed.default is not None:
            value = _default(typed)
        elif typed.required:
            faults.append(FieldViolation(f"inputs.{name}", "is required"))
            continue
        else:
            target = typed.targets[0]
            value = graph[target.node_id].get("inputs", {}).get(target.input)
            if value is None:
                continue  # the node's own default
        problem = _problem(typed, value)
        if problem:
            faults.append(FieldViolation(f"inputs.{name}", problem))
        values[name] = value
    if faults:
        raise _invalid("INVALID_EXECUTION_INPUTS", faults)
    return values


def applied(graph: Graph, inputs: Sequence[TypedInput], values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a copy of the graph with the values of typed inputs.

    Malformed nodes stay unchanged: validation reports them.
    """
    found = {node_id: _copied(node) for node_id, node in graph.items()}
    for typed in inputs:
        if typed.name in values:
            for target in typed.targets:
                found[target.node_id]["inputs"][target.input] = values[typed.name]
    return found


def _copied(node: Any) -> Any:
    if not isinstance(node, dict) or not isinstance(node.get("inputs", {}), dict):
        return node
    return node | {"inputs": dict(node.get("inputs", {}))}


def asset_ids(inputs: Sequence[TypedInput], values: Mapping[str, Any]) -> dict[str, InputType]:
    """Returns the ids of the assets among the values of typed inputs, with the type of their input."""
    return {values[typed.name]: typed.type for typed in inputs if typed.type.is_asset and typed.name in values}


def _input_faults(inputs: Sequence[TypedInput], graph: Graph) -> Iterator[FieldViolation]:
    names = set[str]()
    for number, typed in enumerate(inputs):
        field = f"workflow.inputs[{number}]"
        if typed.name in names:
            yield FieldViolation(f"{field}.name", f"{typed.name} is there twice")
        names.add(typed.name)
        for place, target in enumerate(typed.targets):
            if problem := _target_problem(target, graph):
                yield FieldViolation(f"{field}.targets[{place}]", problem)
        if typed.type is InputType.CHOICE and not typed.choices:
            yield FieldViolation(f"{field}.choices", "a CHOICE has at least one")
        if typed.minimum is not None and typed.maximum is not None and typed.minimum > typed.maximum:
            yield FieldViolation(f"{field}.minimum", "is larger than the maximum")
        if typed.default is not None and (problem := _default_problem(typed)):
            yield FieldViolation(f"{field}.default", problem)


def _output_faults(definition: Definition, graph: Graph) -> Iterator[FieldViolation]:
    names = set[str]()
    for number, output in enumerate(definition.outputs):
        if output.name in names:
            yield FieldViolation(f"workflow.outputs[{number}].name", f"{output.name} is there twice")
        names.add(output.name)
        if output.node_id not in graph:
            yield FieldViolation(f"workflow.outputs[{number}].node_id", f"the graph has no node {output.node_id}")


def _target_problem(target: InputPath, graph: Graph) -> str:
    node = graph.get(target.node_id)
    if not isinstance(node, Mapping):
        return f"the graph has no node {target.node_id}"
    inputs = node.get("inputs", {})
    if not isinstance(inputs, Mapping):
        return f"node {target.node_id} has inputs that are not an object"
    if isinstance(inputs.get(target.input), list):
        return f"{target.input} of node {target.node_id} is a link"
    return ""


def _default(typed: TypedInput) -> Any:
    text = typed.default or ""
    return json.loads(text) if typed.type in (InputType.INT, InputType.FLOAT, InputType.BOOLEAN) else text


def _default_problem(typed: TypedInput) -> str:
    try:
        return _problem(typed, _default(typed))
    except (ValueError, RecursionError):
        return "is not JSON"


def _problem(typed: TypedInput, value: Any) -> str:
    """Returns the fault of a value; empty if there is none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match typed.type:
        case InputType.INT:
            if not isinstance(value, int) or isinstance(value, bool) or value not in _INT64:
                return "is not a whole number of 64 bits"
        case InputType.FLOAT:
            if not is_number or not abs(value) <= sys.float_info.max:  # also false for NaN
                return "is not a number"
        case InputType.BOOLEAN:
            return "" if isinstance(value, bool) else "is not true or false"
        case InputType.CHOICE:
            return "" if value in typed.choices else f"is none of {', '.join(typed.choices[:20])}"
        case InputType.STRING:
            return "" if isinstance(value, str) else "is not text"
        case _:
            return "" if isinstance(value, str) and 0 < len(value) <= 64 else "is not the id of an asset"
    if typed.minimum is not None and value < typed.minimum:
        return f"is smaller than {typed.minimum:g}"
    if typed.maximum is not None and value > typed.maximum:
        return f"is larger than {typed.maximum:g}"
    return ""


def _invalid(reason: str, faults: Sequence[FieldViolation]) -> InvalidArgumentError:
    first = faults[0]
    return InvalidArgumentError(reason, f"{first.field}: {first.description}", fields=faults[:100])
