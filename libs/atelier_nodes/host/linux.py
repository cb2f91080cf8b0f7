"""Calls of the Linux kernel that Python has no function for."""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000

MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MS_REC, MS_SLAVE = 0x4000, 0x80000

IS_LINUX = sys.platform == "linux"

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    """Returns the result of a call. Raises OSError when it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def prctl(option: int, value: int) -> None:
    """Sets an attribute of the calling process. Raises OSError when the kernel refuses."""
    _checked(_libc.prctl(option, value, 0, 0, 0))


def unshare(flags: int) -> None:
    """Moves the calling process, which must have one thread, into new namespaces. Raises OSError."""
    _checked(_libc.unshare(flags))


def mount(source: str, target: str, kind: str, flags: int) -> None:
    """Mounts a file system. Raises OSError."""
    _checked(_libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), None))


def syscall(number: int, *arguments: object) -> int:
    """Makes a system call by its number. Raises OSError."""
    return _checked(_libc.syscall(ctypes.c_long(number), *arguments))
