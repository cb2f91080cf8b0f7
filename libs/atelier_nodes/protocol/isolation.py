"""Host isolation: what a host is asked to take from itself, and what of that holds on this kernel."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IsolationWish:
    """What a host takes from itself before it loads nodes.

    Attributes:
        network: It may use the network.
        confine_files: It may write to `writable` alone, and read what Python, its libraries, `readable` and `writable`
            hold.
        readable: Folders that it may read.
        writable: Folders that it may read and write.
        memory_bytes: Bound of its data segments; None for no bound.
        max_processes: Bound of its processes and threads; None for no bound.
    """

    network: bool
    confine_files: bool
    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    memory_bytes: int | None = None
    max_processes: int | None = None


@dataclass(frozen=True, slots=True)
class IsolationLine:
    """One protection: whether it holds, and how or why not."""

    name: str
    holds: bool
    detail: str


@dataclass(frozen=True, slots=True)
class HostIsolation:
    """The protections of a host."""

    lines: tuple[IsolationLine, ...] = ()

    def holds(self, name: str) -> bool:
        """Whether the protection of that name holds."""
        return any(line.holds for line in self.lines if line.name == name)

    @property
    def missing(self) -> tuple[IsolationLine, ...]:
        """Those that were asked for and do not hold."""
        return tuple(line for line in self.lines if not line.holds)
