"""Node classes: the declarations of nodes, as data."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from atelier_graph.errors import NodeDeclarationError
from atelier_graph.input_spec import Group, InputSpec, plain, spec_of

_GROUPS: tuple[Group, ...] = ("required", "optional", "hidden")


@dataclass(frozen=True, slots=True)
class CustomChecks:
    """Which inputs a class validates itself, in VALIDATE_INPUTS.

    Attributes:
        inputs: The names of its parameters; the engine does not check the values of these inputs.
        all_inputs: True if it has `**kwargs` and so takes all inputs.
    """

    inputs: frozenset[str] = frozenset()
    all_inputs: bool = False

    @property
    def types(self) -> bool:
        """True if it checks the types of linked inputs, so that the engine does not."""
        return "input_types" in self.inputs

    def covers(self, name: str) -> bool:
        """True if the value of this input is not checked by the engine."""
        return self.all_inputs or name in self.inputs

    def takes(self, name: str) -> bool:
        """True if this input is passed: a dotted name also if its first part is a parameter."""
        return self.all_inputs or name in self.inputs or name.partition(".")[0] in self.inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeClass:
    """A node class as declared: made from a Python class, or from an entry of /object_info.

    Attributes:
        name: The name of the class in prompts.
        display_name: Its name for display.
        inputs: The declared inputs, in order.
        returns: The types of its outputs; a type may be a list of choices.
        return_names: Names of the outputs.
        output_is_list: For each output, True if it is a list: the nodes after it are called for each element.
        is_output: True for an output node.
        input_is_list: True if a node is called once, with whole lists.
        not_idempotent: True if two nodes with equal inputs do not share a result.
        has_intermediate_output: True if the `ui` of a cached node is published again although it is no output node.
        accepts_all: True if literals for undeclared inputs are passed too.
        is_async: True if its function is a coroutine function.
        dynamic: True if its inputs depend on the values in a prompt; `LIVE_INPUT_TYPES` declares them.
        checks: What it validates itself, or None.
        hidden: The hidden inputs among `inputs`.
        extra: Other entries of /object_info, which only clients read.
    """

    name: str
    display_name: str = ""
    inputs: tuple[InputSpec, ...] = ()
    returns: tuple[Any, ...] = ()
    return_names: tuple[str, ...] = ()
    output_is_list: tuple[bool, ...] = ()
    is_output: bool = False
    input_is_list: bool = False
    not_idempotent: bool = False
    has_intermediate_output: bool = False
    accepts_all: bool = False
    is_async: bool = False
    dynamic: bool = False
    category: str = ""
    description: str = ""
    python_module: str = "nodes"
    deprecated: bool = False
    experimental: bool = False
    checks: CustomChecks | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    hidden: tuple[InputSpec, ...] = ()
    _by_name: Mapping[str, InputSpec] = field(default_factory=dict, repr=False, compare=False)
    _open_groups: tuple[tuple[Group, Mapping[str, Any]], ...] = field(default=(), repr=False, compare=False)

    @classmethod
    def of(cls, name: str, python_class: type, *, display_name: str = "", python_module: str = "nodes") -> "NodeClass":
        """Reads the declarations of a Python class. Calls its INPUT_TYPES.

        Args:
            name: Its name in prompts.
            python_class: The class.
            display_name: Its name for display; empty for `name`.
            python_module: Its pack, unless the class names one.

        Raises:
            NodeDeclarationError: It is not a node class.
        """
        declared, function = _declared_inputs(name, python_class), getattr(python_class, "FUNCTION", None)
        if not isinstance(function, str) or not callable(getattr(python_class, function, None)):
            raise NodeDeclarationError(f"Node class {name!r}: FUNCTION is not the name of a method")
        returns = _sequence(name, python_class, "RETURN_TYPES")
        flags = _sequence(name, python_class, "OUTPUT_IS_LIST")
        is_list = tuple(bool(flags[slot]) if slot < len(flags) else False for slot in range(len(returns)))
        return cls(
            name=name,
            display_name=display_name or name,
            **_with_inputs(name, declared),
            returns=tuple(type_ if isinstance(type_, str) else plain(type_) for type_ in returns),
            return_names=tuple(str(label) for label in _sequence(name, python_class, "RETURN_NAMES")),
            output_is_list=is_list,
            is_output=getattr(python_class, "OUTPUT_NODE", False) is True,
            input_is_list=bool(getattr(python_class, "INPUT_IS_LIST", False)),
            not_idempotent=bool(getattr(python_class, "NOT_IDEMPOTENT", False)),
            has_intermediate_output=bool(getattr(python_class, "HAS_INTERMEDIATE_OUTPUT", False)),
            accepts_all=bool(getattr(python_class, "ACCEPT_ALL_INPUTS", False)),
            is_async=inspect.iscoroutinefunction(getattr(python_class, function)),
            dynamic=hasattr(python_class, "LIVE_INPUT_TYPES"),
            category=str(getattr(python_class, "CATEGORY", "sd")),
            description=str(getattr(python_class, "DESCRIPTION", "")),
            python_module=str(getattr(python_class, "RELATIVE_PYTHON_MODULE", python_module)),
            deprecated=bool(getattr(python_class, "DEPRECATED", False)),
            experimental=bool(getattr(python_class, "EXPERIMENTAL", False)),
            checks=_checks(python_class),
            extra=_extra(python_class),
        )

    @classmethod
    def from_info(cls, info: Mapping[str, Any]) -> "NodeClass":
        """Reads an entry of /object_info that `to_info` wrote. `is_async` and `not_idempotent` are not part of one.

        Raises:
            NodeDeclarationError: It is not such an entry.
        """
        try:
            name, groups = str(info["name"]), info["input"]
            orders = info.get("input_order", {})
            declared: dict[str, Any] = {group: _ordered(groups.get(group, {}), orders.get(group)) for group in _GROUPS}
            checks = info.get("custom_validation")
            return cls(
                name=name,
                display_name=str(info.get("display_name", name)),
                **_with_inputs(name, declared),
                returns=tuple(info["output"]),
                return_names=tuple(info["output_name"]),
                output_is_list=tuple(info["output_is_list"]),
                is_output=bool(info["output_node"]),
                input_is_list=bool(info.get("is_input_list", False)),
                has_intermediate_output=bool(info.get("has_intermediate_output", False)),
                accepts_all=bool(info.get("accepts_all_inputs", False)),
                dynamic=bool(info.get("dynamic_inputs", False)),
                category=str(info.get("category", "")),
                description=str(info.get("description", "")),
                python_module=str(info.get("python_module", "nodes")),
                deprecated=bool(info.get("deprecated", False)),
                experimental=bool(info.get("experimental", False)),
                checks=checks and CustomChecks(frozenset(checks["inputs"]), bool(checks["all_inputs"])),
                extra={key: info[key] for key in _EXTRA.values() if key in info},
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise NodeDeclarationError(f"Not the description of a node class: {error!r}") from None

    def with_live_inputs(self, declared: Mapping[str, Any]) -> "NodeClass":
        """This class with the inputs that `LIVE_INPUT_TYPES` declares for one node.

        Raises:
            NodeDeclarationError: The declaration is not valid.
        """
        names = [name for name in NodeClass.__dataclass_fields__ if not name.startswith("_")]
        return NodeClass(**{name: getattr(self, name) for name in names} | _with_inputs(self.name, declared))

    def to_info(self) -> dict[str, Any]:
        """The class as an entry of /object_info. Keys that ComfyUI does not have are present only for classes that
        validate inputs themselves, or whose inputs are not all declared."""
        groups: dict[Group, list[InputSpec]] = {"required": [], "optional": [], "hidden": []}
        for spec in self.inputs:
            groups[spec.group].append(spec)
        shown = {group: specs for group, specs in groups.items() if specs or group == "required"}
        info: dict[str, Any] = {
            "input": {
                group: {spec.name: plain(spec.type) if group == "hidden" else spec.config for spec in specs}
                for group, specs in shown.items()
            },
            "input_order": {group: [spec.name for spec in specs] for group, specs in shown.items()},
            "is_input_list": self.input_is_list,
            "output": [plain(type_) for type_ in self.returns],
            "output_is_list": list(self.output_is_list),
            "output_name": list(self.return_names) or [plain(type_) for type_ in self.returns],
            "name": self.name,
            "display_name": self.display_name,
            "description": self.description,
            "python_module": self.python_module,
            "category": self.category,
            "output_node": self.is_output,
            "has_intermediate_output": self.has_intermediate_output,
        }
        flags = {
            "deprecated": self.deprecated,
            "experimental": self.experimental,
            "accepts_all_inputs": self.accepts_all,
            "dynamic_inputs": self.dynamic,
        }
        info |= {name: True for name, on in flags.items() if on}
        if self.checks is not None:
            checks = {"inputs": sorted(self.checks.inputs), "all_inputs": self.checks.all_inputs}
            info["custom_validation"] = checks
        return {**info, **self.extra}

    def input(self, name: str) -> InputSpec | None:
        """The declared input of that name, unless it is hidden; otherwise None.

        Some packs declare inputs of any name, with a mapping that contains every key: those are found too.
        """
        spec = self._by_name.get(name)
        if spec is None:
            for group, declared in self._open_groups:
                if name in declared:
                    return spec_of(name, group, declared[name])
        return spec

    @property
    def visible(self) -> Iterable[InputSpec]:
        """The inputs that prompts give, required ones first."""
        return self._by_name.values()


_EXTRA = {
    "OUTPUT_TOOLTIPS": "output_tooltips",
    "OUTPUT_MATCHTYPES": "output_matchtypes",
    "PRICE_BADGE": "price_badge",
    "DEV_ONLY": "dev_only",
    "API_NODE": "api_node",
    "SEARCH_ALIASES": "search_aliases",
    "ESSENTIALS_CATEGORY": "essentials_category",
}


def _extra(python_class: type) -> dict[str, Any]:
    values = {key: getattr(python_class, attribute, None) for attribute, key in _EXTRA.items()}
    return {key: plain(value) for key, value in values.items() if value not in (None, False)}


def _declared_inputs(name: str, python_class: type) -> Mapping[str, Any]:
    input_types: Callable[[], object] | None = getattr(python_class, "INPUT_TYPES", None)
    if not callable(input_types):
        raise NodeDeclarationError(f"Node class {name!r} has no INPUT_TYPES")
    try:
        declared = input_types()
    except BaseException as error:  # code of the class, whatever it raises
        raise NodeDeclarationError(
            f"Node class {name!r}: INPUT_TYPES raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(declared, Mapping):
        raise NodeDeclarationError(
            f"Node class {name!r}: INPUT_TYPES returned {type(declared).__name__}, not a mapping"
        )
    return declared


def _with_inputs(name: str, declared: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a NodeClass that follow from INPUT_TYPES."""
    specs: list[InputSpec] = []
    open_groups: list[tuple[Group, Mapping[str, Any]]] = []
    for group in _GROUPS:
        entries = declared.get(group)
        if not entries and not isinstance(entries, Mapping):
            continue
        if not isinstance(entries, Mapping):
            raise NodeDeclarationError(f"Node class {name!r}: {group!r} of INPUT_TYPES is not a mapping")
        try:
            specs += [spec_of(str(key), group, value) for key, value in entries.items()]
        except ValueError as error:
            raise NodeDeclarationError(f"Node class {name!r}: {error}") from None
        if type(entries) is not dict and group != "hidden":
            open_groups.append((group, entries))
    by_name = {spec.name: spec for spec in reversed(specs) if spec.group != "hidden"}
    in_order = {spec.name: by_name[spec.name] for spec in specs if spec.name in by_name}
    hidden = tuple(spec for spec in specs if spec.group == "hidden")
    return {"inputs": tuple(specs), "hidden": hidden, "_by_name": in_order, "_open_groups": tuple(open_groups)}


def _sequence(name: str, python_class: type, attribute: str) -> tuple[Any, ...]:
    """The value of an attribute as a tuple; a string or boolean, as of `("IMAGE")`, becomes a tuple of one."""
    value = getattr(python_class, attribute, None)
    if value is None:
        return ()
    if isinstance(value, str | bool):
        return (value,)
    if not isinstance(value, list | tuple):
        raise NodeDeclarationError(f"Node class {name!r}: {attribute} is not a tuple")
    return tuple(value)


def _checks(python_class: type) -> CustomChecks | None:
    """Reads the signature of VALIDATE_INPUTS; for a wrapper its own signature, not that of the wrapped function."""
    function = getattr(python_class, "VALIDATE_INPUTS", None)
    if function is None:
        return None
    parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    named = {each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)}
    return CustomChecks(frozenset(named), any(each.kind is each.VAR_KEYWORD for each in parameters))


def _ordered(entries: Mapping[str, Any], order: Iterable[str] | None) -> dict[str, Any]:
    names = [name for name in order or () if name in entries]
    return {name: entries[name] for name in [*names, *entries]}
