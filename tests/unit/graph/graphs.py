"""Node classes and graphs for the tests of the engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from atelier_graph.cache_entry import NodeCache
from atelier_graph.caches import ClassicCache
from atelier_graph.custom_validation import ClassValidator
from atelier_graph.events import GraphEvent, NodeExecuted, NodesCached, NodeStarted
from atelier_graph.execution import GraphRunner, RunResult
from atelier_graph.limits import GraphLimits
from atelier_graph.node_classes import NodeClasses
from atelier_graph.node_objects import NodeObjects
from atelier_graph.prompt import parse_prompt
from atelier_graph.validation import Validation, validate

Event = TypeVar("Event", bound=GraphEvent)
Graph = Mapping[str, tuple[str, Mapping[str, Any]]]
"""Nodes by id: their class and inputs."""


def node_class(
    function: Callable[..., Any],
    *,
    required: Mapping[str, Any] | None = None,
    optional: Mapping[str, Any] | None = None,
    hidden: Mapping[str, Any] | None = None,
    returns: Sequence[Any] = ("*",),
    output: bool = False,
    **attributes: Any,
) -> type:
    """A node class whose function is `function`, without `self`; `attributes` are those of the class."""
    groups = {"required": required, "optional": optional, "hidden": hidden}
    declared = {name: group for name, group in groups.items() if group is not None}
    return type(
        "TestNode",
        (),
        {
            "INPUT_TYPES": staticmethod(lambda: declared),
            "RETURN_TYPES": tuple(returns),
            "FUNCTION": "call",
            "OUTPUT_NODE": output,
            "call": staticmethod(function),
            **attributes,
        },
    )


ANY = ("*", {"forceInput": True})
INC = node_class(
    lambda v, d: (v + 1,),
    required={"v": ("INT", {"default": 0}), "d": ("FLOAT", {"default": 0.0})},
    returns=("INT",),
)
SHOW = node_class(
    lambda v: {"ui": {"text": [str(v)]}},
    required={"v": ("INT", {"forceInput": True})},
    returns=(),
    output=True,
)
LOOK = node_class(lambda v: {"ui": {"seen": [v]}}, required={"v": ANY}, returns=(), output=True)
VALUE = node_class(lambda v: (v,), required={"v": ("*", {})})
LIST = node_class(lambda v: (v,), required={"v": ("*", {})}, OUTPUT_IS_LIST=(True,))
CLASSES: dict[str, type] = {"Inc": INC, "Show": SHOW, "Look": LOOK, "Value": VALUE, "List": LIST}


def api_format(graph: Graph) -> dict[str, Any]:
    """The graph as clients send it."""
    return {node_id: {"class_type": name, "inputs": dict(inputs)} for node_id, (name, inputs) in graph.items()}


async def validated(
    graph: Graph, classes: Mapping[str, type] | None = None, *, targets: Sequence[str] | None = None
) -> Validation:
    """The validation of a graph, of the given classes and those above."""
    known = {**CLASSES, **(classes or {})}
    prompt = parse_prompt(api_format(graph), GraphLimits())
    return await validate(prompt, NodeClasses(known), targets=targets, custom=ClassValidator(known))


async def errors_of(graph: Graph, classes: Mapping[str, type] | None = None) -> dict[str, list[str]]:
    """The types of the errors of each node of a graph."""
    found = (await validated(graph, classes)).node_errors
    return {node_id: [error["type"] for error in each["errors"]] for node_id, each in found.items()}


@dataclass
class Recorder:
    """An observer that stores what is published."""

    events: list[GraphEvent] = field(default_factory=list)
    on_event: Callable[[GraphEvent], None] = lambda _: None

    def publish(self, event: GraphEvent) -> None:
        self.events.append(event)
        self.on_event(event)

    def of(self, type_: type[Event]) -> list[Event]:
        """The events of one type."""
        return [event for event in self.events if isinstance(event, type_)]

    @property
    def started(self) -> list[str]:
        """The nodes that were entered, in order."""
        return [event.node for event in self.of(NodeStarted)]

    @property
    def cached(self) -> list[str]:
        """The nodes that were in the cache at the start."""
        return self.of(NodesCached)[0].nodes


@dataclass
class Ran:
    """An execution that ended."""

    result: RunResult
    record: Recorder

    @property
    def seen(self) -> dict[str, list[Any]]:
        """What each node of class Look received in its calls."""
        return {node_id: ui["seen"] for node_id, ui in self.result.outputs.items() if "seen" in ui}

    @property
    def executed(self) -> dict[str, Any]:
        """The `ui` of each `executed` event."""
        return {event.node: event.ui for event in self.record.of(NodeExecuted)}


class Bench:
    """A runner whose cache and objects last for several executions."""

    def __init__(
        self,
        classes: Mapping[str, type] | None = None,
        *,
        cache: NodeCache | None = None,
        limits: GraphLimits | None = None,
        validates: bool = True,
    ) -> None:
        self.classes = {**CLASSES, **(classes or {})}
        self.record = Recorder()
        self._validates = validates
        self._limits = limits or GraphLimits()
        self.runner = GraphRunner(self.classes, ClassicCache() if cache is None else cache, NodeObjects(), self._limits)

    async def run(
        self,
        graph: Graph,
        *,
        outputs: Sequence[str] | None = None,
        extra_data: Mapping[str, Any] | None = None,
        on_event: Callable[[GraphEvent], None] = lambda _: None,
    ) -> Ran:
        """Validates a graph and executes its outputs."""
        prompt = parse_prompt(api_format(graph), self._limits)
        if self._validates:
            validation = await validated(graph, self.classes)
            assert validation.ok, (validation.error, validation.node_errors)
            prompt, outputs = validation.prompt, outputs or validation.outputs
        self.record = Recorder(on_event=on_event)
        result = await self.runner.run(
            prompt, outputs or (), self.record, prompt_id="prompt", extra_data=extra_data or {}
        )
        return Ran(result, self.record)


async def run(graph: Graph, classes: Mapping[str, type] | None = None) -> Ran:
    """Executes a graph once."""
    return await Bench(classes).run(graph)
