"""Workflows: stored graphs with typed inputs and named outputs, in versions."""

from dataclasses import dataclass
from enum import IntEnum

from atelier_service.errors import NotFoundError


class InputType(IntEnum):
    """Type of a typed input; the numbers are those of the contract."""

    INT = 1
    FLOAT = 2
    STRING = 3
    BOOLEAN = 4
    CHOICE = 5
    IMAGE = 6
    MASK = 7
    LATENT = 8
    VIDEO = 9

    @property
    def is_asset(self) -> bool:
        """True when a value is the id of an asset."""
        return self >= InputType.IMAGE


@dataclass(frozen=True, slots=True)
class InputPath:
    """An input of a node: the node's id in the graph, and the input's name."""

    node_id: str
    input: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedInput:
    """A name for inputs of nodes, with a type.

    Attributes:
        name: Its name, unique in the workflow.
        type: Type of its values.
        targets: The inputs of nodes that receive its value; at least one.
        description: What it is for.
        default: The value when none is given: JSON text for INT, FLOAT and BOOLEAN, otherwise the text itself. None:
            the value in the graph.
        required: True when an execution must give a value, unless there is a default.
        minimum: Smallest value of INT and FLOAT; None: no bound.
        maximum: Largest value of INT and FLOAT; None: no bound.
        choices: Values of CHOICE.
    """

    name: str
    type: InputType
    targets: tuple[InputPath, ...]
    description: str = ""
    default: str | None = None
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NamedOutput:
    """A name for an output node."""

    name: str
    node_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What a workflow is made of.

    `graph` is JSON text in ComfyUI's API format, which keeps all digits of its numbers. An execution runs the nodes of
    `outputs`; without them, all output nodes.
    """

    name: str
    graph: str
    description: str = ""
    inputs: tuple[TypedInput, ...] = ()
    outputs: tuple[NamedOutput, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """One version of a workflow.

    Attributes:
        id: A UUIDv7; of a template that ships, its name.
        owner: Subject of the owner; empty for a template that ships.
        version: This version, 1 for the first.
        latest_version: The newest version.
        published_version: The version that everybody can read and execute; 0: none.
        definition: What this version is made of; its graph is empty in lists.
        node_count: Number of nodes in the graph.
        create_us: When the workflow was created, in microseconds since the epoch.
        update_us: When this version was stored, in microseconds since the epoch.
    """

    id: str
    owner: str
    version: int
    latest_version: int
    published_version: int
    definition: Definition
    node_count: int
    create_us: int
    update_us: int

    @property
    def etag(self) -> str:
        """Names the newest version, in quotes as in the header of HTTP."""
        return f'"{self.latest_version}"'


def workflow_not_found(workflow_id: str) -> NotFoundError:
    """Returns the error for a workflow that does not exist, or that the caller may not read."""
    return NotFoundError("WORKFLOW_NOT_FOUND", "there is no such workflow", metadata={"workflow_id": workflow_id})
