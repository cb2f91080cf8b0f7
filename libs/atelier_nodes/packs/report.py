"""What became of each pack when it was loaded."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PackReport:
    """One pack's outcome.

    Attributes:
        name: of its folder or file.
        path: of its folder or file.
        nodes: names of the node classes that it brought.
        error: why it did not load, in one line; empty where it did.
        notes: what is missing although it loaded, such as single node classes; a line each.
        seconds: how long it took to load.
    """

    name: str
    path: Path
    nodes: tuple[str, ...] = ()
    error: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
