"""Host executions: a graph to run in a host, with its folders."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders in which nodes read and write files.

    Attributes:
        input: Uploaded files.
        output: Results.
        temp: Other files such as previews, which may be deleted when the execution has ended.
    """

    input: Path
    output: Path
    temp: Path


@dataclass(frozen=True, slots=True)
class HostExecution:
    """One execution of a graph.

    Attributes:
        id: Its id; unique among the running executions of a pool.
        prompt: The graph in API format, as `validate` returned it.
        outputs: The ids of the output nodes to run.
        extra_data: What was submitted besides the graph.
        folders: Its folders; None for those of the pool.
        time_limit_s: Seconds in a host after which it fails; None for no limit.
        scope: Executions of the same scope share cached results and objects of nodes; others share nothing. The
            workflow worker gives each attempt a scope of its own.
    """

    id: str
    prompt: Mapping[str, Any]
    outputs: tuple[str, ...]
    extra_data: Mapping[str, Any] = field(default_factory=dict)
    folders: Folders | None = None
    time_limit_s: float | None = None
    scope: str = ""
