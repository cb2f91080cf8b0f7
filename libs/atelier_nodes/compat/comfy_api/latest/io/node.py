"""V3 nodes: class methods over a schema, with the surface of V1 nodes made from it.

Every call runs on a class of its own, a locked subclass that holds the call's hidden inputs.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from comfy_api.latest.io.hidden import HiddenHolder
from comfy_api.latest.io.locked_class import Locked, locked
from comfy_api.latest.io.output import as_v1
from comfy_api.latest.io.schema import Schema, names_of


class _Declared:
    """A class attribute that follows from the schema; it does not exist where `there` says so."""

    def __init__(
        self, value: Callable[[Schema], Any], *, there: Callable[[Schema], bool] = lambda schema: True
    ) -> None:
        self._value = value
        self._there = there

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, _: object, owner: "type[ComfyNode]") -> Any:
        schema = schema_of(owner)
        if not self._there(schema):
            raise AttributeError(f"{owner.__name__} has no {self._name}")
        return self._value(schema)


class _OfMethod:
    """A class attribute that calls one of the node's methods as V1 nodes are called; without that it does not exist."""

    def __init__(self, method: str) -> None:
        self._method = method

    def __get__(self, _: object, owner: "type[ComfyNode]") -> Callable[..., Any]:
        if not hasattr(owner, self._method):
            raise AttributeError(f"{owner.__name__} has no {self._method}")
        return _called_by_name(owner, self._method)


class _Function:
    """The name of the method that the engine calls."""

    def __get__(self, _: object, owner: "type[ComfyNode]") -> str:
        is_async = inspect.iscoroutinefunction(getattr(owner, "execute", None))
        return "EXECUTE_NORMALIZED_ASYNC" if is_async else "EXECUTE_NORMALIZED"


class ComfyNode:
    """The base of V3 nodes.

    A node has the class methods `define_schema` and `execute`, and where it needs them `validate_inputs`,
    `fingerprint_inputs` and `check_lazy_status`.

    Attributes:
        hidden: The hidden inputs of a call.
        SCHEMA: The schema as it was last read.
    """

    hidden: ClassVar[HiddenHolder] = HiddenHolder({})
    SCHEMA: ClassVar[Schema | None] = None

    FUNCTION = _Function()
    CATEGORY = _Declared(lambda schema: schema.category)
    DESCRIPTION = _Declared(lambda schema: schema.description)
    RETURN_TYPES = _Declared(lambda schema: tuple(each.get_io_type() for each in schema.outputs))
    RETURN_NAMES = _Declared(lambda schema: names_of(schema.outputs))
    OUTPUT_IS_LIST = _Declared(lambda schema: tuple(each.is_output_list for each in schema.outputs))
    OUTPUT_TOOLTIPS = _Declared(
        lambda schema: tuple(each.tooltip or "" for each in schema.outputs),
        there=lambda schema: any(each.tooltip for each in schema.outputs),
    )
    OUTPUT_MATCHTYPES = _Declared(lambda schema: schema.match_types())
    OUTPUT_NODE = _Declared(lambda schema: schema.is_output_node)
    INPUT_IS_LIST = _Declared(lambda schema: schema.is_input_list)
    NOT_IDEMPOTENT = _Declared(lambda schema: schema.not_idempotent)
    HAS_INTERMEDIATE_OUTPUT = _Declared(lambda schema: schema.has_intermediate_output)
    ACCEPT_ALL_INPUTS = _Declared(lambda schema: schema.accept_all_inputs)
    DEPRECATED = _Declared(lambda schema: schema.is_deprecated)
    EXPERIMENTAL = _Declared(lambda schema: schema.is_experimental)
    DEV_ONLY = _Declared(lambda schema: schema.is_dev_only)
    API_NODE = _Declared(lambda schema: schema.is_api_node)
    PRICE_BADGE = _Declared(lambda schema: schema.price_badge_info())
    SEARCH_ALIASES = _Declared(lambda schema: schema.search_aliases or None)
    ESSENTIALS_CATEGORY = _Declared(lambda schema: schema.essentials_category)
    LIVE_INPUT_TYPES = _Declared(lambda schema: schema.live_input_types, there=lambda schema: schema.is_dynamic)
    NEST_INPUTS = _Declared(lambda schema: schema.nested, there=lambda schema: schema.is_dynamic)
    VALIDATE_INPUTS = _OfMethod("validate_inputs")
    IS_CHANGED = _OfMethod("fingerprint_inputs")

    def __new__(cls, *_: Any, **__: Any) -> "ComfyNode":
        """Returns what the engine calls: its `check_lazy_status` takes hidden inputs as arguments, as V1 nodes do."""
        made = super().__new__(cls)
        if hasattr(cls, "check_lazy_status"):
            made.__dict__["check_lazy_status"] = _called_by_name(cls, "check_lazy_status")
        return made

    @classmethod
    def define_schema(cls) -> Schema:
        """Returns what the node declares; it is called whenever nodes are listed."""
        raise NotImplementedError(f"{cls.__name__} has no define_schema")

    @classmethod
    def GET_SCHEMA(cls) -> Schema:
        """Reads the schema.

        Raises:
            TypeError: The class is no node.
            ValueError: Names in the schema are not unique.
        """
        if isinstance(cls, Locked):
            return schema_of(cls)
        if not isinstance(inspect.getattr_static(cls, "execute", None), classmethod | staticmethod):
            raise TypeError(f"{cls.__name__} has no class method execute")
        schema = cls.define_schema()
        if not isinstance(schema, Schema):
            raise TypeError(f"{cls.__name__}.define_schema returned {type(schema).__name__} instead of an io.Schema")
        schema.validate()
        schema.finalize()
        cls.SCHEMA = schema
        return schema

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Returns the inputs by group and name."""
        return cls.GET_SCHEMA().input_types()

    @classmethod
    def EXECUTE_NORMALIZED(cls, **inputs: Any) -> Any:
        """Calls `execute`, and returns its output in the form of V1 nodes."""
        schema = schema_of(cls)
        called, arguments = _prepared(cls, schema, inputs)
        return as_v1(called.execute(**arguments), node_id=schema.node_id, may_expand=schema.enable_expand)

    @classmethod
    async def EXECUTE_NORMALIZED_ASYNC(cls, **inputs: Any) -> Any:
        """Awaits `execute`, and returns its output in the form of V1 nodes."""
        schema = schema_of(cls)
        called, arguments = _prepared(cls, schema, inputs)
        return as_v1(await called.execute(**arguments), node_id=schema.node_id, may_expand=schema.enable_expand)


def schema_of(node: type[ComfyNode]) -> Schema:
    """Returns a node's schema as it was last read."""
    found: Schema | None = vars(node).get("SCHEMA")
    return node.GET_SCHEMA() if found is None else found


def _prepared(node: type[ComfyNode], schema: Schema, inputs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The class that a call runs on, and its arguments without hidden inputs."""
    names = schema.hidden_names
    values = {kind: inputs[name] for name, kind in names.items() if name in inputs}
    if schema.is_input_list:  # hidden inputs have one value, and are no lists
        values = {kind: next(iter(value), None) for kind, value in values.items()}
    hidden = HiddenHolder(values)
    arguments = {name: value for name, value in inputs.items() if name not in names}
    return locked(node, {"hidden": hidden, "SCHEMA": schema}), arguments


def _called_by_name(node: type[ComfyNode], method: str) -> Callable[..., Any]:
    """A function that calls a method with those of its arguments that the method takes."""
    signature = inspect.signature(getattr(node, method))
    takes_all = any(each.kind is each.VAR_KEYWORD for each in signature.parameters.values())

    def call(**inputs: Any) -> Any:
        called, arguments = _prepared(node, schema_of(node), inputs)
        taken = {name: value for name, value in arguments.items() if takes_all or name in signature.parameters}
        return getattr(called, method)(**taken)

    setattr(call, "__signature__", signature)  # noqa: B010 - the engine reads which inputs VALIDATE_INPUTS names
    return call
