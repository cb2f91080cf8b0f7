"""Namespaces: a host's own processes, network and view of /proc."""

import os
from pathlib import Path

from atelier_nodes.host.linux import (
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    IS_LINUX,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_REC,
    MS_SLAVE,
    mount,
    unshare,
)


def namespace_flags(*, network: bool) -> int:
    """Returns the namespaces to unshare: the most that the kernel and the user's rights allow; 0 for none.

    Each combination is tried in a child process first: a process that fails half-way is unusable.

    Args:
        network: True if the host may use the machine's network.
    """
    if not IS_LINUX:
        return 0
    net = 0 if network else CLONE_NEWNET
    processes = CLONE_NEWPID | CLONE_NEWNS
    # Root in trusted mode reads and writes files of every user, which it could not do in a namespace of users.
    users = 0 if network and os.geteuid() == 0 else CLONE_NEWUSER
    for flags in (users | processes | net, users | net):
        if flags & ~CLONE_NEWUSER and _allowed(flags):
            return flags
    return 0


def enter(flags: int) -> None:
    """Moves this process, which must have one thread, into new namespaces.

    A new process namespace begins with the processes that it forks. User ids stay the same. Raises OSError.
    """
    uid, gid = os.geteuid(), os.getegid()
    unshare(flags)
    if flags & CLONE_NEWUSER:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def mount_proc() -> None:
    """Mounts a new /proc, which shows only the processes of the namespace; for its first process.

    Raises OSError.
    """
    mount("none", "/", "", MS_REC | MS_SLAVE)
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)


def _allowed(flags: int) -> bool:
    """Returns True if a process can enter the namespaces, and fork and mount /proc there."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            enter(flags)
            if flags & CLONE_NEWPID:
                first = os.fork()
                if first == 0:
                    mount_proc()
                    os._exit(0)
                status = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
            else:
                status = 0
        except OSError:
            pass
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0
