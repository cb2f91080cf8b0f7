"""Isolation: the restrictions that a host applies to itself before it loads nodes."""

import os
import resource
import site
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from atelier_nodes.host.guardian import fork_under_guardian
from atelier_nodes.host.landlock import SCOPES_SINCE, landlock_version, restrict_thread, scope_thread
from atelier_nodes.host.linux import CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWUSER
from atelier_nodes.host.namespaces import enter, mount_proc, namespace_flags
from atelier_nodes.protocol.isolation import HostIsolation, IsolationLine, IsolationWish

_SYSTEM = (
    "/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/proc", "/sys/devices", "/sys/fs/cgroup", "/sys/module",
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/timezone", "/etc/mime.types",
    "/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/etc/hosts", "/etc/resolv.conf", "/etc/host.conf",
    "/etc/ssl/certs", "/etc/fonts", "/etc/alternatives",
)  # fmt: skip
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_ACCELERATORS = ("nvidia*", "dri", "kfd")


def isolate(wish: IsolationWish, *fds: int) -> HostIsolation:
    """Isolates this process, which must have one thread, and puts it under a guardian.

    A restriction that the kernel does not offer is omitted and reported.

    Args:
        wish: The restrictions.
        fds: File descriptors that this process holds, and its guardian does not.

    Returns:
        The protections, each with whether it is in effect.
    """
    flags = namespace_flags(network=wish.network)
    lines = [
        IsolationLine("environment", True, f"{len(os.environ)} variables, none with credentials"),
        *_enter_namespaces(wish, flags, *fds),
        *_bound_resources(wish, has_users=bool(flags & CLONE_NEWUSER)),
        *_confine_files(wish),
    ]
    return HostIsolation(tuple(lines))


def separate_from_siblings(wish: IsolationWish) -> None:
    """Denies this forked host signals to other hosts of its template, and access to their memory."""
    if wish.confine_files and landlock_version() >= SCOPES_SINCE:
        scope_thread()


def confine_graph(wish: IsolationWish, folders: Iterable[Path]) -> None:
    """Restricts the calling thread, and what it starts, to writing in the folders of its graph.

    Without it, the thread could write to folders of other graphs, which are below the same root. Does nothing if files
    are not confined.

    Args:
        wish: The restrictions of the host.
        folders: The folders that the graph may write to; they exist.
    """
    if wish.confine_files and landlock_version():
        # Not scoped: threads of one process may signal each other.
        restrict_thread(_readable(wish), [*_devices(), Path.cwd(), *folders], network=wish.network, scoped=False)


def _enter_namespaces(wish: IsolationWish, flags: int, *fds: int) -> Iterator[IsolationLine]:
    if flags:
        enter(flags)
    has_processes = bool(flags & CLONE_NEWPID)
    fork_under_guardian(*fds, namespace=has_processes)
    if has_processes:
        mount_proc()
        # The first process of a namespace ignores signals and adopts orphans, which nodes would not expect.
        fork_under_guardian(*fds, namespace=True)
        yield IsolationLine("processes", True, "a namespace of processes ends with the host")
    else:
        yield IsolationLine("processes", True, "a guardian kills what a node leaves behind, but for a hostile one")
    if not wish.network:
        holds = bool(flags & CLONE_NEWNET)
        yield IsolationLine("network", holds, "a network namespace without a device" if holds else _NO_NAMESPACES)


_NO_NAMESPACES = "the kernel lets this user make no namespaces: put the worker into a container without a network"


def _bound_resources(wish: IsolationWish, *, has_users: bool) -> Iterator[IsolationLine]:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if wish.memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (wish.memory_bytes, wish.memory_bytes))
        yield IsolationLine("memory", True, f"data segments of a process: {wish.memory_bytes >> 20} MiB")
    if wish.max_processes is not None:
        # The kernel counts the processes of a user, in a user namespace those of the host only; it never limits root.
        is_bound = has_users and os.geteuid() != 0
        if is_bound:
            resource.setrlimit(resource.RLIMIT_NPROC, (wish.max_processes, wish.max_processes))
        detail = f"{wish.max_processes} processes and threads" if is_bound else "watched by the pool alone"
        yield IsolationLine("process count", True, detail)


def _confine_files(wish: IsolationWish) -> Iterator[IsolationLine]:
    if not wish.confine_files:
        return
    version = landlock_version()
    if not version:
        yield IsolationLine("files", False, "the kernel has no Landlock: nodes write wherever the worker's user may")
        return
    restrict_thread(_readable(wish), [*_devices(), *map(Path, wish.writable)], network=wish.network)
    yield IsolationLine("files", True, f"Landlock {version}: writes below {', '.join(wish.writable)} alone")


def _readable(wish: IsolationWish) -> list[Path]:
    return [*map(Path, _SYSTEM), *_python(), *map(Path, wish.readable)]


def _devices() -> list[Path]:
    return [*map(Path, _DEVICES), *(path for pattern in _ACCELERATORS for path in Path("/dev").glob(pattern))]


def _python() -> set[Path]:
    """Returns the folders of Python and its packages."""
    folders = [sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path, *site.getsitepackages()]
    return {Path(folder).resolve() for folder in folders if folder and Path(folder).exists()}
