"""The messages between a host process and its pool; `TO_HOST` and `FROM_HOST` are all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from atelier_graph.events import Status
from atelier_nodes.protocol.isolation import HostIsolation, IsolationWish

Json = Any
"""A JSON value."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A `ModelInfo` on the wire."""

    id: str
    kind: str
    name: str
    defaults: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class FolderPaths:
    """`Folders` on the wire."""

    input: str
    output: str
    temp: str


# To the host.


@dataclass(frozen=True, slots=True)
class OpenHost:
    """The first message: what the host loads and how it is isolated.

    Attributes:
        folders: The folders of graphs without folders of their own.
        base: The folder of models and of users' settings.
        pack_folders: Folders of packs, or single `.py` files.
        extra_model_paths: Files of extra model paths.
        skipped_packs: Packs that are not loaded because they ended a process before: the reason, by path.
        cache: `classic`, `lru:N`, `none` or `ram` with optional thresholds in GB, `ram:ACTIVE:INACTIVE`.
        models: The models of the mesh.
        limits: Fields of `GraphLimits` that differ from its defaults.
        isolation: The restrictions that the host applies to itself before it loads anything.
        options: Settings that packs read, such as `cpu`.
    """

    folders: FolderPaths
    base: str
    pack_folders: tuple[str, ...]
    extra_model_paths: tuple[str, ...]
    skipped_packs: Mapping[str, str]
    cache: str
    models: tuple[ModelEntry, ...]
    limits: Mapping[str, Json]
    isolation: IsolationWish
    options: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class RunGraph:
    """Runs a graph; see `HostExecution`. `GraphHappened` and one `GraphEnded` follow.

    Attributes:
        exclusive: True if no other graph runs in the host meanwhile.
    """

    execution: str
    prompt: Mapping[str, Json]
    outputs: tuple[str, ...]
    extra_data: Mapping[str, Json]
    folders: FolderPaths | None
    scope: str
    exclusive: bool


@dataclass(frozen=True, slots=True)
class InterruptGraph:
    """Interrupts a graph before its next node call, and at its next progress."""

    execution: str


@dataclass(frozen=True, slots=True)
class DescribeNodes:
    """Requests the catalogue: `Replied` with the fields of `NodeCatalogue`."""

    number: int


@dataclass(frozen=True, slots=True)
class ValidateGraph:
    """Requests a validation: `Replied` with the fields of `ValidationAnswer`."""

    number: int
    graph: Json
    targets: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class ServeHttp:
    """A request for a route of a pack: `Replied` with status and headers, and the body as data."""

    number: int
    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class FreeMemory:
    """Drops the cached results and objects of graphs that do not run, if either flag is set; `Replied` when done."""

    number: int
    unload_models: bool
    free_memory: bool


@dataclass(frozen=True, slots=True)
class Ping:
    """Checks that the host is alive: `Replied` at once, by the thread that receives messages."""

    number: int


@dataclass(frozen=True, slots=True)
class SetModels:
    """Replaces the list of models that the mesh offers."""

    models: tuple[ModelEntry, ...]


@dataclass(frozen=True, slots=True)
class MeshProgressed:
    """Progress of a mesh call; `data` is a JPEG or empty."""

    number: int
    step: int
    steps: int
    data: bytes


@dataclass(frozen=True, slots=True)
class MeshReturned:
    """A mesh call returned; `data` is the content of an asset for `read_asset`, otherwise empty."""

    number: int
    value: Json
    data: bytes


@dataclass(frozen=True, slots=True)
class MeshFailed:
    """A mesh call failed."""

    number: int
    reason: str
    message: str


# From the host.


@dataclass(frozen=True, slots=True)
class PackBegun:
    """The template is about to import a pack: if its process ends now, this pack ended it."""

    path: str


@dataclass(frozen=True, slots=True)
class TemplateLoaded:
    """A template has loaded its nodes.

    Attributes:
        forkable: True if it forks hosts; otherwise it becomes a host itself, because a pack started threads or
            initialized a device.
    """

    forkable: bool


@dataclass(frozen=True, slots=True)
class HostForked:
    """A template forked a host; one for each socket that it was sent, in their order.

    Attributes:
        pid: The process id of the host's guardian, as the template sees it.
        folder: The host's folder of temporary files.
    """

    pid: int
    folder: str


@dataclass(frozen=True, slots=True)
class HostExited:
    """The guardian of a host ended, and with it all that the host started.

    Attributes:
        pid: As in `HostForked`.
        code: Its exit code; negative for a signal.
    """

    pid: int
    code: int


@dataclass(frozen=True, slots=True)
class HostLoaded:
    """The host is ready to run graphs.

    Attributes:
        seconds: How long its nodes took to load.
        isolation: Its protections.
        pack_nodes: The names of node classes of packs.
    """

    seconds: float
    isolation: HostIsolation
    pack_nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replied:
    """The reply to the request of that number."""

    number: int
    value: Json
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Refused:
    """The request of that number failed in the host."""

    number: int
    message: str


@dataclass(frozen=True, slots=True)
class GraphHappened:
    """Events of an execution in order, as `atelier_graph.events` writes them. `data` belongs to the last of them."""

    execution: str
    events: tuple[Mapping[str, Json], ...]
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class PackMessage:
    """A message of a pack to clients, sent through its prompt server.

    Attributes:
        event: The type of a text message, or the number of a binary one.
        value: The JSON of a text message.
        client_id: The client that it is for; None for all.
        data: The content of a binary message.
    """

    event: str | int
    value: Json
    client_id: str | None
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class GraphEnded:
    """An execution ended: the fields of `RunResult`.

    Attributes:
        leftovers: Processes that the graph left running, for the log; empty when there are none.
    """

    execution: str
    status: Status
    outputs: Mapping[str, Json]
    meta: Mapping[str, Json]
    error: Mapping[str, Json] | None
    leftovers: tuple[str, ...]


MeshMethod = Literal["generate_image", "generate_clip", "read_asset", "store_asset", "models"]


@dataclass(frozen=True, slots=True)
class MeshAsked:
    """A node calls a method of `MeshCalls`; `data` is what `store_asset` stores."""

    number: int
    execution: str
    method: MeshMethod
    arguments: Mapping[str, Json]
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class MeshAbandoned:
    """The node no longer waits for a mesh call, which the pool cancels."""

    number: int


ToHost = (
    OpenHost | RunGraph | InterruptGraph | DescribeNodes | ValidateGraph | ServeHttp | FreeMemory | Ping | SetModels
    | MeshProgressed | MeshReturned | MeshFailed
)  # fmt: skip
FromHost = (
    PackBegun
    | TemplateLoaded
    | HostForked
    | HostExited
    | HostLoaded
    | Replied
    | Refused
    | GraphHappened
    | PackMessage
    | GraphEnded
    | MeshAsked
    | MeshAbandoned
)

TO_HOST: dict[str, type[ToHost]] = {kind.__name__: kind for kind in ToHost.__args__}
FROM_HOST: dict[str, type[FromHost]] = {kind.__name__: kind for kind in FromHost.__args__}
