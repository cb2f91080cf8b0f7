"""The guardian: the parent process of a host, which ends all processes that the host leaves behind.

    pool → guardian → (first process of a namespace of its own) → host → what nodes start

Where the kernel allows it the host has a namespace of processes: when its first process ends, the kernel ends all
others. Where it does not, the guardian adopts orphans and kills them when the host has ended.
"""

import contextlib
import os
import signal
from types import FrameType
from typing import NoReturn

import psutil

from atelier_nodes.host.linux import IS_LINUX, PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG, prctl


def die_with_parent() -> None:
    """Makes the kernel kill the calling process when its parent ends for any reason. Linux only."""
    if IS_LINUX:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def fork_under_guardian(*fds: int, namespace: bool) -> None:
    """Forks; returns in the child, while the parent becomes the child's guardian and never returns.

    Args:
        fds: File descriptors that only the child holds from now on.
        namespace: True if the kernel ends all descendants: the child, or this process, is the first of a namespace.
    """
    if IS_LINUX and not namespace:
        prctl(PR_SET_CHILD_SUBREAPER, 1)
    child = os.fork()
    if child:
        for fd in fds:
            os.close(fd)
        _guard(child, namespace=namespace)
    if not namespace:
        os.setpgid(0, 0)  # what it starts is killed with it, as one group
    die_with_parent()


def _guard(child: int, *, namespace: bool) -> NoReturn:
    """Waits until `child` has ended, kills the processes that it left behind, and exits with its status."""

    def end(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # at once, which counts where there are many; strays follow
        _kill_all()
        os._exit(128 + signal.SIGKILL)

    if IS_LINUX and not namespace:
        signal.signal(signal.SIGTERM, end)
        # Not SIGKILL: what the host started would outlive a guardian that is killed.
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            break
    if not namespace:
        _kill_all()
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _kill_all() -> None:
    """Kills all descendants of this process, again until there are none: they may be starting others."""
    me = psutil.Process()
    while children := [child for child in me.children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]:
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def processes_of_host() -> set[int]:
    """Returns the ids of the processes that nodes started: those under the host's guardian, except the host."""
    running: set[int] = set()
    for process in psutil.Process(os.getppid()).children(recursive=True) if os.getppid() else ():
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                running.add(process.pid)
    return running
