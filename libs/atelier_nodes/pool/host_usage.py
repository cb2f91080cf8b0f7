"""Host usage: memory and processes of a host, including those that it started."""

import contextlib

import psutil


def excess_of(guardian: int, *, memory_bytes: int | None, processes: int | None) -> str | None:
    """Returns which limit a host exceeds: MEMORY_LIMIT, PROCESS_LIMIT, or None.

    Args:
        guardian: The process id of its guardian, from which all of its processes descend.
        memory_bytes: The most memory, in bytes. Pages that processes share count once.
        processes: The most processes.
    """
    if memory_bytes is None and processes is None:
        return None
    resident = 0
    try:
        descendants = psutil.Process(guardian).children(recursive=True)
    except psutil.NoSuchProcess:
        return None
    if processes is not None and len(descendants) > processes:
        return "PROCESS_LIMIT"
    if memory_bytes is None:
        return None
    for process in descendants:
        with contextlib.suppress(psutil.NoSuchProcess):
            resident += process.memory_info().rss
    if resident <= memory_bytes:
        return None
    # PSS takes longer to read, and differs from RSS where a node has forked.
    shared_out = 0
    for process in descendants:
        with contextlib.suppress(psutil.NoSuchProcess):
            shared_out += process.memory_full_info().pss
    return "MEMORY_LIMIT" if shared_out > memory_bytes else None
