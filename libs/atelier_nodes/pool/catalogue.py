"""The node catalogue: the nodes of a host, as data that does not need torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class PackEntry:
    """The report of one pack.

    Attributes:
        name: Its name.
        path: Its folder or file.
        nodes: The names of its node classes.
        error: Why it was not loaded; empty when it was.
        seconds: How long loading took.
        notes: What is missing although it was loaded, such as single node classes; one line each.
    """

    name: str
    path: str
    nodes: tuple[str, ...]
    error: str
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PackRoute:
    """A route that a pack serves."""

    method: str
    path: str


@dataclass(frozen=True, slots=True)
class NodeCatalogue:
    """The nodes and packs of a host.

    Attributes:
        classes: Entries of `/object_info` by class name; `NodeClass.from_info` reads them.
        packs: All packs that were found.
        routes: The HTTP routes of packs.
        web_folders: Folders of files for the browser, by their name below `/extensions/`.
    """

    classes: Mapping[str, Mapping[str, Any]]
    packs: tuple[PackEntry, ...] = ()
    routes: tuple[PackRoute, ...] = ()
    web_folders: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ValidationAnswer:
    """The validation of a graph, in ComfyUI's shape.

    Attributes:
        error: The top-level error object; None when at least one output can run.
        node_errors: Errors by node id; also those of outputs that cannot run while others can.
        outputs: The ids of the output nodes to run; empty when there is an error.
        prompt: The graph with its literals converted to their declared types.
    """

    error: Mapping[str, Any] | None
    node_errors: Mapping[str, Any]
    outputs: tuple[str, ...]
    prompt: Mapping[str, Any]

    @property
    def ok(self) -> bool:
        """True if at least one output can run."""
        return self.error is None


@dataclass(frozen=True, slots=True)
class PackRequest:
    """A request for a route of a pack.

    Attributes:
        method: The HTTP method.
        path: The path, decoded, without the query.
        query: The query string, without the question mark.
        headers: Names and values.
        body: The body.
    """

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class PackResponse:
    """The response of a pack."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
