"""Validation: which output nodes of a prompt can be executed, and the errors of the others."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from atelier_graph.custom_validation import CustomValidator
from atelier_graph.dependencies import post_order
from atelier_graph.errors import GraphError, NodeDeclarationError, error_object
from atelier_graph.hidden_inputs import hidden_values
from atelier_graph.input_spec import InputSpec, plain
from atelier_graph.link import is_link, link_of
from atelier_graph.literals import InvalidLiteral, converted, faults_of, input_info
from atelier_graph.node_class import NodeClass
from atelier_graph.node_types import accepts
from atelier_graph.prompt import VALUE_KEY, Prompt, unknown_class, unwrapped

# Limits on the response, whose size is otherwise the product of nodes and outputs, or the square of a cycle's length.
_CYCLES_SHOWN = 10
_NODES_SHOWN = 50
_DEPENDENTS_SHOWN = 100_000


@dataclass(frozen=True, slots=True)
class Validation:
    """The outcome of a validation.

    Attributes:
        ok: True if at least one output node can be executed.
        error: The top-level error object, or None when `ok`.
        node_errors: For each node with errors: `errors`, `dependent_outputs` and `class_type`. Not empty when `ok`, if
            other output nodes cannot be executed.
        outputs: The output nodes to execute, in the order of the prompt.
        prompt: The prompt with converted literals.
    """

    ok: bool
    error: dict[str, Any] | None
    node_errors: dict[str, dict[str, Any]]
    outputs: tuple[str, ...]
    prompt: Prompt


async def validate(
    prompt: Prompt,
    classes: Mapping[str, NodeClass],
    *,
    targets: Sequence[str] | None = None,
    custom: CustomValidator | None = None,
) -> Validation:
    """Validates the output nodes of a prompt and all that they depend on through declared inputs.

    Args:
        prompt: The graph.
        classes: Declarations by class; a lookup may raise `NodeDeclarationError`.
        targets: The output nodes to execute; None for all of them.
        custom: Calls VALIDATE_INPUTS; without it, inputs that classes validate themselves are not checked.
    """
    for node_id in prompt.nodes:
        if prompt.class_of(node_id) not in classes:
            return Validation(False, unknown_class(prompt, node_id).error, {}, (), prompt)
    walk = _Walk(prompt, classes, custom)
    wanted = None if targets is None else set(targets)
    outputs = [each for each in prompt.nodes if (wanted is None or each in wanted) and walk.is_output(each)]
    if not outputs:
        error = GraphError("prompt_no_outputs", "Prompt has no outputs").error
        return Validation(False, error, {}, (), prompt)
    await walk.visit(outputs)
    good = tuple(each for each in outputs if each in walk.valid)
    failed = [each for each in outputs if each not in walk.valid]
    lines = [f"{error['message']}: {error['details']}" for each in failed for error in walk.errors.get(each, ())]
    error = error_object("prompt_outputs_failed_validation", "Prompt outputs failed validation", "\n".join(lines))
    return Validation(bool(good), None if good else error, walk.node_errors(failed), good, walk.converted_prompt())


@dataclass(slots=True)
class _Walk:
    """One pass over the nodes that a prompt's outputs depend on."""

    prompt: Prompt
    classes: Mapping[str, NodeClass]
    custom: CustomValidator | None
    valid: set[str] = field(default_factory=set)
    errors: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _changed: dict[str, dict[str, Any]] = field(default_factory=dict)
    _upstream: dict[str, list[str]] = field(default_factory=dict)
    _types: dict[str, dict[str, Any]] = field(default_factory=dict)
    _order: list[str] = field(default_factory=list)
    _cyclic: set[str] = field(default_factory=set)
    _cycles: int = 0

    def is_output(self, node_id: str) -> bool:
        """True for output nodes, and for nodes whose class cannot be read, so that its error is reported."""
        node_class = self._class(node_id)
        return node_class is None or node_class.is_output

    async def visit(self, outputs: Sequence[str]) -> None:
        """Fills `errors` and `valid`."""
        roots = set(outputs)
        for node_id in post_order(outputs, self._enter, self._note_cycle):
            self._order.append(node_id)
            if node_id not in self.errors:
                await self._check_custom(node_id, inner=node_id not in roots)
            upstream_valid = all(each in self.valid for each in self._upstream[node_id])
            if upstream_valid and node_id not in self.errors and node_id not in self._cyclic:
                self.valid.add(node_id)

    def node_errors(self, failed: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The errors by node, with those of the failed outputs that depend on each."""
        names = list(failed)
        reached = {name: 1 << index for index, name in enumerate(names)}
        for _ in range(2 if self._cyclic else 1):  # a cycle has no order
            for node_id in reversed(self._order):
                for upstream in self._upstream[node_id] if node_id in reached else ():
                    reached[upstream] = reached.get(upstream, 0) | reached[node_id]
        most = max(_DEPENDENTS_SHOWN // max(len(self.errors), 1), 10)
        return {
            node_id: {
                "errors": errors,
                "dependent_outputs": list(islice(_named(reached[node_id], names), most)),
                "class_type": self.prompt.class_of(node_id),
            }
            for node_id, errors in self.errors.items()
            if node_id in reached
        }

    def converted_prompt(self) -> Prompt:
        """The prompt with converted literals."""
        nodes = {
            node_id: {**node, "inputs": {**node["inputs"], **self._changed[node_id]}}
            if node_id in self._changed
            else node
            for node_id, node in self.prompt.nodes.items()
        }
        return Prompt(nodes)

    def _class(self, node_id: str) -> NodeClass | None:
        try:
            return self.classes[self.prompt.class_of(node_id)]
        except NodeDeclarationError as error:
            self.errors[node_id] = [_exception(error, inner=False)]
            return None

    def _enter(self, node_id: str) -> list[str]:
        """Checks the inputs of a node and returns the nodes that they link to."""
        self._upstream[node_id] = upstream = []
        self._types[node_id] = {}
        node_class = self._class(node_id)
        if node_class is None:
            return []
        given = self.prompt.inputs_of(node_id)
        live = not node_class.dynamic
        if node_class.dynamic and self.custom is not None:
            try:
                declared = self.custom.live_inputs(node_class.name, {k: unwrapped(v) for k, v in given.items()})
                node_class, live = node_class.with_live_inputs(declared), True
            except NodeDeclarationError as error:
                self.errors[node_id] = [_exception(error, inner=False)]
                return []
        errors: list[dict[str, Any]] = []
        for spec in node_class.visible:
            if spec.name not in given:
                if spec.group == "required" and live:
                    name = {"input_name": spec.name}
                    errors.append(error_object("required_input_missing", "Required input is missing", spec.name, name))
            elif isinstance(given[spec.name], list):
                fault = self._check_link(node_id, node_class, spec, given[spec.name])
                if fault is None:
                    upstream.append(given[spec.name][0])
                else:
                    errors.append(fault)
            else:
                errors += self._check_literal(node_id, node_class, spec, given[spec.name])
        if errors:
            self.errors[node_id] = errors
        return upstream

    def _check_link(
        self, node_id: str, node_class: NodeClass, spec: InputSpec, value: list[Any]
    ) -> dict[str, Any] | None:
        info = input_info(spec, received_value=plain(value))
        link = link_of(value)
        if link is None:
            message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
            return error_object("bad_linked_input", message, spec.name, info)
        if link.node_id not in self.prompt.nodes:
            message = f"Bad linked input, node '{link.node_id}' does not exist"
            return error_object("bad_linked_input", message, spec.name, info)
        source = self._class(link.node_id)
        if source is None:
            return None
        if not 0 <= link.slot < len(source.returns):
            message = f"Bad linked input, node '{link.node_id}' ({source.name}) has no output slot {value[1]}"
            return error_object("bad_linked_input", message, spec.name, info)
        received = source.returns[link.slot]
        self._types[node_id][spec.name] = received
        if (node_class.checks is not None and node_class.checks.types) or accepts(spec.type, received):
            return None
        shown, declared = plain(received), plain(spec.type)
        info = input_info(spec, received_type=shown, linked_node=plain(value))
        details = f"{spec.name}, received_type({shown}) mismatch input_type({declared})"
        return error_object("return_type_mismatch", "Return type mismatch between linked nodes", details, info)

    def _check_literal(
        self, node_id: str, node_class: NodeClass, spec: InputSpec, sent: Any
    ) -> Iterable[dict[str, Any]]:
        value = unwrapped(sent)
        try:
            literal = converted(spec, value)
        except InvalidLiteral as fault:
            return [fault.error]
        if literal is not sent:
            # A list stays wrapped: without the wrapper it would be read as a link.
            kept = {VALUE_KEY: literal} if isinstance(literal, list) else literal
            self._changed.setdefault(node_id, {})[spec.name] = kept
        if node_class.checks is not None and node_class.checks.covers(spec.name):
            return []
        return list(faults_of(spec, literal))

    async def _check_custom(self, node_id: str, *, inner: bool) -> None:
        node_class = self._class(node_id)
        if self.custom is None or node_class is None or node_class.checks is None:
            return
        checks = node_class.checks
        given = {**self.prompt.inputs_of(node_id), **self._changed.get(node_id, {})}
        values = {
            name: [None if is_link(value) else unwrapped(value)]
            for name, value in given.items()
            if checks.takes(name)
            and (is_link(value) or node_class.accepts_all or node_class.dynamic or node_class.input(name))
        }
        for spec in node_class.visible:
            if spec.name in checks.inputs and spec.name not in given and "default" in spec.options:
                values[spec.name] = [spec.options["default"]]
        hidden = hidden_values(node_class, node_id, self.prompt, None, {})
        values |= {name: [value] for name, value in hidden.items() if checks.takes(name)}
        try:
            faults = await self.custom.faults(node_class.name, values, self._types[node_id])
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - code of a node's class: whatever it raises is that node's error
            self.errors[node_id] = [_exception(error, inner=inner)]
            return
        names = [*values, "input_types"] if checks.types else list(values) or [""]
        errors = [_custom_fault(name, fault) for name in names for fault in faults]
        if errors:
            self.errors[node_id] = errors

    def _note_cycle(self, path: list[str], start: int) -> None:
        self._cyclic.add(path[-1])
        self._cycles += 1
        if self._cycles > _CYCLES_SHOWN:
            return
        cycle = path[start:]
        shown = cycle if len(cycle) <= _NODES_SHOWN else cycle[:_NODES_SHOWN]
        names = [f"{each} ({self.prompt.class_of(each)})" for each in shown]
        details = " -> ".join([*names, *(["…"] if len(shown) < len(cycle) else []), names[0]])
        for node_id in cycle:
            info = {"node_id": node_id, "cycle_nodes": shown}
            error = error_object("dependency_cycle", "Dependency cycle detected", details, info)
            self.errors.setdefault(node_id, []).append(error)


def _named(bits: int, names: Sequence[str]) -> Iterator[str]:
    """Yields the names whose bits are set."""
    while bits:
        lowest = bits & -bits
        yield names[lowest.bit_length() - 1]
        bits ^= lowest


def _custom_fault(name: str, fault: str) -> dict[str, Any]:
    details = f"{name} - {fault}" if fault else name
    return error_object("custom_validation_failed", "Custom validation failed for node", details, {"input_name": name})


def _exception(error: BaseException, *, inner: bool) -> dict[str, Any]:
    type_ = "exception_during_inner_validation" if inner else "exception_during_validation"
    message = "Exception when validating inner node" if inner else "Exception when validating node"
    info = {"exception_type": type(error).__name__, "exception_message": str(error)}
    return error_object(type_, message, str(error), info)
