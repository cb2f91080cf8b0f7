"""A scratch folder for temporary files, which is removed after its process has ended, also by a crash."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_PREFIX = "atelier-clips-"


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Creates a folder in `parent`, which is created when it is missing, and removes those of ended processes.

    A process holds a lock on its folder, which the kernel releases with the process. Raises OSError.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        with _locked(parent):  # so that no process finds a folder between its creation and its lock
            for left in parent.glob(f"{_PREFIX}*"):
                with suppress(OSError), _locked(left, wait=False):
                    shutil.rmtree(left)
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            stack.enter_context(_locked(folder))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


@contextmanager
def _locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Locks a folder. Raises BlockingIOError when another process holds the lock and `wait` is False."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
