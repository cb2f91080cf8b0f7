"""Pack reports: the outcome of loading each pack."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PackReport:
    """One pack's outcome.

    Attributes:
        name: Of its folder or file.
        path: Of its folder or file.
        nodes: Names of the node classes that it brought.
        error: Why it did not load, in one line; empty where it did.
        notes: What is missing although it loaded, such as single node classes; a line each.
        seconds: How long it took to load.
    """

    name: str
    path: Path
    nodes: tuple[str, ...] = ()
    error: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
