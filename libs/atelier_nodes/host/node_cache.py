"""Node caches of a host, by their name in options."""

import time
from collections.abc import Callable
from typing import Any

import psutil
import torch

from atelier_graph.cache_entry import CacheEntry, NodeCache
from atelier_graph.caches import ClassicCache, LruCache, NoCache, RamPressureCache

_GB = 2**30
_PLENTY = 16 * _GB
_FRESH_S = 0.1
_DEEPEST = 4


class CacheNameError(ValueError):
    """There is no cache of that name."""


def cache_maker(name: str) -> Callable[[], NodeCache]:
    """Returns a function that makes a cache.

    Args:
        name: `classic`, `lru:N`, `none`, or `ram` with optional thresholds in GB, `ram:ACTIVE:INACTIVE`.

    Raises:
        CacheNameError: It is none of these.
    """
    kind, *numbers = name.split(":")
    try:
        match kind, [float(number) for number in numbers if number]:
            case "classic", []:
                return ClassicCache
            case "none", []:
                return NoCache
            case "lru", [size]:
                return lambda: LruCache(int(size))
            case "ram", []:
                headroom = min(max(psutil.virtual_memory().total // 10, 2 * _GB), 10 * _GB)
                return lambda: RamPressureCache(AvailableMemory(), size_of, headroom=headroom)
            case "ram", [active, *idle] if len(idle) <= 1:
                idle_headroom = int(idle[0] * _GB) if idle else None
                return lambda: RamPressureCache(
                    AvailableMemory(), size_of, headroom=int(active * _GB), idle_headroom=idle_headroom
                )
    except ValueError as error:
        raise CacheNameError(f"{name!r} is no cache: {error}") from error
    raise CacheNameError(f"{name!r} is no cache: classic, lru:N, none, ram or ram:ACTIVE:INACTIVE")


class AvailableMemory:
    """The machine's available memory. While it is at least 16 GiB, it is read at most ten times a second."""

    def __init__(self) -> None:
        self._bytes = 0
        self._read_at = 0.0

    def __call__(self) -> int:
        """Returns the available memory, in bytes."""
        now = time.monotonic()
        if self._bytes < _PLENTY or now - self._read_at > _FRESH_S:
            self._bytes, self._read_at = psutil.virtual_memory().available, now
        return self._bytes


def size_of(entry: CacheEntry) -> float:
    """Returns the bytes of main memory that the tensors of an entry occupy."""
    return sum(_tensor_bytes(values, _DEEPEST) for values in entry.outputs)


def _tensor_bytes(value: Any, depth: int) -> int:
    if isinstance(value, torch.Tensor):
        return value.untyped_storage().nbytes() if value.device.type == "cpu" else 0
    if depth == 0:
        return 0
    if isinstance(value, dict):
        # Without the methods of a subclass: reading a latent of the mesh would download it.
        return sum(_tensor_bytes(part, depth - 1) for part in dict.values(value))
    if isinstance(value, list | tuple):
        return sum(_tensor_bytes(part, depth - 1) for part in value)
    return 0
