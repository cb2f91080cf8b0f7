"""Host isolation: the restrictions that a host applies to itself, and which of them are in effect on this kernel."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IsolationWish:
    """The restrictions that a host applies to itself before it loads nodes.

    Attributes:
        network: True if it may use the network.
        confine_files: True if it may write only to `writable`, and read only Python, system libraries, `readable` and
            `writable`.
        readable: Files and folders that it may read.
        writable: Files and folders that it may read and write.
        memory_bytes: Limit on the data segments of each of its processes, in bytes; None for no limit.
        max_processes: Limit on its processes and threads; None for no limit.
    """

    network: bool
    confine_files: bool
    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    memory_bytes: int | None = None
    max_processes: int | None = None


@dataclass(frozen=True, slots=True)
class IsolationLine:
    """One protection: its name, whether it is in effect, and how, or why not."""

    name: str
    holds: bool
    detail: str


@dataclass(frozen=True, slots=True)
class HostIsolation:
    """The protections of a host."""

    lines: tuple[IsolationLine, ...] = ()

    def holds(self, name: str) -> bool:
        """True if the protection of that name is in effect."""
        return any(line.holds for line in self.lines if line.name == name)

    @property
    def missing(self) -> tuple[IsolationLine, ...]:
        """The requested protections that are not in effect."""
        return tuple(line for line in self.lines if not line.holds)
