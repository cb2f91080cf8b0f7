"""Readings of the machine: memory and cores. Without torch."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class MemoryReading:
    """Memory of a device, in bytes.

    Attributes:
        used_bytes: In use by any process.
        total_bytes: What the device has.
        reserved_bytes: The part of `used_bytes` that this process's allocator holds free for its next allocations.
    """

    used_bytes: int
    total_bytes: int
    reserved_bytes: int = 0

    @property
    def free_bytes(self) -> int:
        """What no process uses."""
        return self.total_bytes - self.used_bytes

    @property
    def usable_bytes(self) -> int:
        """What the next work of this process can allocate."""
        return self.free_bytes + self.reserved_bytes


def physical_cores() -> int:
    """Cores that this process may use, not counting hyper-threads twice; at least 1."""
    allowed = len(os.sched_getaffinity(0))
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def host_memory() -> MemoryReading:
    """Memory of the machine; what the kernel can free at once counts as free."""
    reading = psutil.virtual_memory()
    return MemoryReading(used_bytes=reading.total - reading.available, total_bytes=reading.total)


def process_memory_bytes(pid: int | None = None) -> int:
    """Resident memory of a process, by default of this one; 0 when it has ended."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
