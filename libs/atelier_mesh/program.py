"""A process of the mesh, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Program:
    """What to start, and how to know that it is ready.

    `ready` is `grpc:<port>` (says SERVING), `http:<port>/<path>` (answers 2xx or 403), or the empty string when nothing
    asks it.
    """

    name: str
    argv: Sequence[str]
    ready: str = ""
    stops: int = 0
    """Programs with the smallest number are stopped first; the next ones when these have ended."""
    settings: str = ""
    """Its settings class, `module:Class`, when it is a process of ours; see `preflight`."""
    folder: Path | None = None
    """Where it runs; None for the launcher's own working directory."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
