"""Cache entries: the outputs of a node, stored under a key that is made of all its inputs."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol


class CacheKey(NamedTuple):
    """The identity of a result.

    Attributes:
        digest: A hash of the node's class, its constants and the keys of the nodes that it links to.
        scope: "" for nodes of the prompt; for those of an expansion the node that expanded, and its class.
    """

    digest: bytes
    scope: str = ""


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """The result of a node.

    Attributes:
        outputs: For each output its list of values.
        ui: Its output for the user interface, or None.
    """

    outputs: list[list[Any]]
    ui: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PromptKeys:
    """The nodes of a prompt whose execution begins.

    Attributes:
        keys: The key of each.
        roots: The id and class of each, in the form of `ExpansionKeys.root`.
    """

    keys: frozenset[CacheKey]
    roots: frozenset[str]


@dataclass(frozen=True, slots=True)
class ExpansionKeys:
    """The nodes that a node expands into.

    Attributes:
        scope: The scope of their keys.
        root: The node of the prompt that they come from: its id and class with a space between them.
        keys: The key of each.
    """

    scope: str
    root: str
    keys: frozenset[CacheKey]


class NodeCache(Protocol):
    """Stores results of nodes across executions. All methods may be called from several threads."""

    def begin(self, prompt: PromptKeys) -> None:
        """Begins the execution of a prompt, and drops the entries that the cache does not retain for it."""
        ...

    def expand(self, expansion: ExpansionKeys) -> None:
        """Adds the nodes of an expansion to the execution, and drops entries of its scope likewise."""
        ...

    def get(self, key: CacheKey) -> CacheEntry | None:
        """The entry of that key, or None."""
        ...

    def put(self, key: CacheKey, entry: CacheEntry) -> None:
        """Stores an entry; a cache may drop any entry at any time."""
        ...

    def clear(self) -> None:
        """Drops all entries."""
        ...
