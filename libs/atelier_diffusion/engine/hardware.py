"""What the machine has: memory readings and cores, without torch."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class MemoryReading:
    """Memory of a device in bytes. `kept_bytes` are used, but by nothing: this process keeps them for its next work."""

    used_bytes: int
    total_bytes: int
    kept_bytes: int = 0

    @property
    def free_bytes(self) -> int:
        return self.total_bytes - self.used_bytes

    @property
    def usable_bytes(self) -> int:
        """What the next work of this process can have."""
        return self.free_bytes + self.kept_bytes


def physical_cores() -> int:
    """Cores that this process may use, not counting hyper-threads twice; at least 1."""
    allowed = len(os.sched_getaffinity(0))
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def host_memory() -> MemoryReading:
    """The machine's memory; what the kernel can free at once counts as free."""
    reading = psutil.virtual_memory()
    return MemoryReading(used_bytes=reading.total - reading.available, total_bytes=reading.total)


def process_memory_bytes(pid: int | None = None) -> int:
    """Resident memory of a process, by default this one; 0 when it has ended."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
