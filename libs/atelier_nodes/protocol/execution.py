"""A host execution: one graph as a host gets it, with its folders."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of files that nodes read and write.

    Attributes:
        input: Files that were uploaded.
        output: Files that are results.
        temp: Files such as previews, which may be deleted when the execution has ended.
    """

    input: Path
    output: Path
    temp: Path


@dataclass(frozen=True, slots=True)
class HostExecution:
    """One execution of a graph.

    Attributes:
        id: Its id; unique among the executions that run.
        prompt: The graph in API format, as `validate` returned it.
        outputs: The ids of the output nodes to run.
        extra_data: What the submit brought besides the graph.
        folders: Its folders; None for those of the pool.
        time_limit_s: After so many seconds the node that runs is ended; None for no limit.
        scope: Executions of one scope share cached results and node objects; of different scopes never. On a mesh it
            is the execution's id or its owner's.
    """

    id: str
    prompt: Mapping[str, Any]
    outputs: tuple[str, ...]
    extra_data: Mapping[str, Any] = field(default_factory=dict)
    folders: Folders | None = None
    time_limit_s: float | None = None
    scope: str = ""
