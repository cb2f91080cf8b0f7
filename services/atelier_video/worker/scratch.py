"""A folder for files that grow, which is gone when its process is."""

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
    """A new folder in `parent`, which is made when it is missing; those that killed processes left there are removed.

    Whose process lives is told by a lock on its folder, which the kernel lets go of with the process. Raises OSError.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        with _locked(parent):  # so that nobody meets a folder between its making and its lock
            for left in parent.glob(f"{_PREFIX}*"):
                with suppress(OSError), _locked(left, wait=False):
                    shutil.rmtree(left)
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            stack.enter_context(_locked(folder))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


@contextmanager
def _locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Raises BlockingIOError when another process holds it and nobody waits."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
