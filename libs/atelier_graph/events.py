"""Events of an execution, and their JSON."""

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, Protocol

Status = Literal["success", "error", "interrupted"]


@dataclass(frozen=True, slots=True)
class GraphEvent:
    """An event of an execution. Its fields are JSON values, except the bytes of previews."""

    BYTES: ClassVar[tuple[str, ...]] = ()
    """Fields that hold bytes: they are not part of the JSON and are sent beside it."""

    def to_json(self) -> dict[str, Any]:
        """The event as JSON values, `type` being the name of its class; bytes are left out."""
        name = type(self).__name__
        return {"type": name, **{each: getattr(self, each) for each in _JSON_FIELDS[name]}}


@dataclass(frozen=True, slots=True)
class NodePlace:
    """Which node an event is about, and where it is in the graph.

    Attributes:
        node: Its id; unique in the execution.
        display_node: The node of the prompt at which clients show it; for a node of an expansion it is another one.
        parent: The node whose expansion added it, or None.
        real: The node of the prompt that it comes from.
    """

    node: str
    display_node: str
    parent: str | None
    real: str

    def to_meta(self) -> dict[str, Any]:
        """The place in the form of ComfyUI's history."""
        return {
            "node_id": self.node,
            "display_node": self.display_node,
            "parent_node": self.parent,
            "real_node_id": self.real,
        }


@dataclass(frozen=True, slots=True)
class RunStarted(GraphEvent):
    """The execution begins."""


@dataclass(frozen=True, slots=True)
class NodesCached(GraphEvent):
    """The results of these nodes of the prompt are in the cache."""

    nodes: list[str]


@dataclass(frozen=True, slots=True)
class NodeStarted(GraphEvent):
    """A node is about to be called. Published again each time that a node with lazy inputs is re-entered."""

    node: str
    display_node: str
    parent: str | None
    real: str


@dataclass(frozen=True, slots=True)
class NodeProgress(GraphEvent):
    """A node reports its progress, with a preview if it has one."""

    node: str
    display_node: str
    parent: str | None
    real: str
    value: float
    max: float
    preview: bytes | None = None
    preview_type: str = "image/jpeg"

    BYTES: ClassVar[tuple[str, ...]] = ("preview",)


@dataclass(frozen=True, slots=True)
class NodeExecuted(GraphEvent):
    """A node has output for the user interface, from its call or from the cache.

    Attributes:
        ui: The output, or None for an output node whose cached result has none.
    """

    node: str
    display_node: str
    parent: str | None
    real: str
    ui: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class NodeFinished(GraphEvent):
    """A node has all of its outputs."""

    node: str
    display_node: str
    parent: str | None
    real: str


@dataclass(frozen=True, slots=True)
class NodeFailed(GraphEvent):
    """A node failed, and the execution with it.

    Attributes:
        node_id: The node of the prompt.
        executed: Ids of the nodes that were called and finished before, in order.
        exception_type: The name of the exception's class, qualified by its module unless built in.
        traceback: Lines of the traceback, from the node's own code on.
        current_inputs: For each input the values that the node received, shortened for display.
        current_outputs: The same ids as `executed`.
    """

    node_id: str
    node_type: str
    executed: list[str]
    exception_type: str
    exception_message: str
    traceback: list[str] = field(default_factory=list)
    current_inputs: dict[str, list[Any]] = field(default_factory=dict)
    current_outputs: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ExecutionBlocked(GraphEvent):
    """A node is not called because of an execution blocker with a message. The execution goes on."""

    node_id: str
    node_type: str
    executed: list[str]
    message: str


@dataclass(frozen=True, slots=True)
class RunInterrupted(GraphEvent):
    """The execution was interrupted at this node of the prompt."""

    node_id: str
    node_type: str
    executed: list[str]


@dataclass(frozen=True, slots=True)
class NodeText(GraphEvent):
    """A node shows text while it runs."""

    node: str
    text: str


@dataclass(frozen=True, slots=True)
class CustomMessage(GraphEvent):
    """A message of a node's own type to the clients.

    Attributes:
        event: The type of the message.
        data: JSON values.
        broadcast: True to send it to every client, otherwise only to the one that submitted the prompt.
    """

    event: str
    data: Any
    broadcast: bool = False


@dataclass(frozen=True, slots=True)
class RunEnded(GraphEvent):
    """The execution has ended; no event follows."""

    status: Status


_TYPES: dict[str, type[GraphEvent]] = {
    type_.__name__: type_
    for type_ in (
        RunStarted,
        NodesCached,
        NodeStarted,
        NodeProgress,
        NodeExecuted,
        NodeFinished,
        NodeFailed,
        NodeText,
        ExecutionBlocked,
        RunInterrupted,
        CustomMessage,
        RunEnded,
    )
}

_JSON_FIELDS = {
    name: [each.name for each in fields(type_) if each.name not in type_.BYTES] for name, type_ in _TYPES.items()
}


def event_from_json(value: dict[str, Any], preview: bytes | None = None) -> GraphEvent:
    """Reads an event that `to_json` wrote.

    Args:
        value: JSON values.
        preview: The bytes that were sent beside them.

    Raises:
        ValueError: The value is not an event.
    """
    arguments = dict(value)
    type_ = _TYPES.get(arguments.pop("type", ""))
    if type_ is None:
        raise ValueError(f"No event: {value.get('type')!r}")
    if type_.BYTES:
        arguments["preview"] = preview
    try:
        return type_(**arguments)
    except TypeError as error:
        raise ValueError(f"No {type_.__name__}: {error}") from None


class Observer(Protocol):
    """Receives the events of an execution."""

    def publish(self, event: GraphEvent) -> None:
        """Takes an event, without blocking. Progress may come from any thread, other events from the executor's."""
        ...
