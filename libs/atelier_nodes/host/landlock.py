"""Landlock: a restriction by the kernel of the files that a thread may read and write, below its user's rights.

https://docs.kernel.org/userspace-api/landlock.html
"""

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from atelier_nodes.host.linux import IS_LINUX, PR_SET_NO_NEW_PRIVS, prctl, syscall

# The same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1
_GET_VERSION = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
_ALL_OF_VERSION_1 = (1 << 13) - 1
# What may be allowed for a file; the other rights are for folders.
_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV

_BIND_AND_CONNECT_TCP = 0b11
_SCOPED_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11
SCOPES_SINCE = 6
"""The first version that can restrict signals to the processes of a domain."""


class _Ruleset(ctypes.Structure):
    _fields_ = [
        ("handled_access_fs", ctypes.c_uint64), ("handled_access_net", ctypes.c_uint64), ("scoped", ctypes.c_uint64),
    ]  # fmt: skip


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]


def landlock_version() -> int:
    """Returns the version of Landlock that the kernel offers; 0 for none."""
    if not IS_LINUX:
        return 0
    try:
        return syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_GET_VERSION))
    except OSError:
        return 0


def restrict_thread(readable: Iterable[Path], writable: Iterable[Path], *, network: bool, scoped: bool = True) -> None:
    """Restricts the calling thread, and what it starts from now on. This cannot be undone.

    Args:
        readable: Files and folders that may be read, and executed. Those that do not exist are ignored.
        writable: Files and folders that may also be written.
        network: True if TCP may be used; False has an effect from version 4 on.
        scoped: True if signals may only be sent to restricted processes; has an effect from version 6 on.

    Raises:
        OSError: The kernel has no Landlock, or refuses.
    """
    version = landlock_version()
    handled = _ALL_OF_VERSION_1
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        handled |= right if version >= since else 0
    ruleset = _Ruleset(
        handled,
        0 if network or version < 4 else _BIND_AND_CONNECT_TCP,
        0 if version < SCOPES_SINCE or not scoped else _SCOPED_ABSTRACT_SOCKETS_AND_SIGNALS,
    )
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = syscall(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        for path in readable:
            _allow(rules, path, handled & (_READ_FILE | _READ_DIR | _EXECUTE))
        for path in writable:
            _allow(rules, path, handled & ~(_MAKE_CHAR | _MAKE_BLOCK))
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        syscall(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0))
    finally:
        os.close(rules)


def scope_thread() -> None:
    """Makes a domain of the calling thread and what it starts: they can neither signal nor trace processes outside.

    Raises:
        OSError: The kernel has no Landlock of version 6, or refuses.
    """
    ruleset = _Ruleset(0, 0, _SCOPED_ABSTRACT_SOCKETS_AND_SIGNALS)
    rules = syscall(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(24), ctypes.c_uint32(0))
    try:
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        syscall(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0))
    finally:
        os.close(rules)


def _allow(rules: int, path: Path, rights: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(beneath).st_mode):
            rights &= _OF_A_FILE
        rule = _PathBeneath(rights, beneath)
        syscall(
            _ADD_RULE, ctypes.c_int(rules), ctypes.c_int(_RULE_PATH_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0)
        )
    finally:
        os.close(beneath)
