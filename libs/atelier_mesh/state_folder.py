"""The folder of everything that a mesh keeps: usable, with room, and held by one launcher at a time."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atelier_service.configuration import ConfigurationError

LEAST_FREE_BYTES = 256 * 2**20
"""Of its disk. Databases, the broker and the S3 server fail in their own ways, and late, when there is less."""

_ANOTHER = "ATELIER_STATE_DIR=<another> moves it"


class AlreadyRunningError(Exception):
    """Another launcher holds the state folder."""


@contextmanager
def held(folder: Path, *, least_free_bytes: int = LEAST_FREE_BYTES) -> Iterator[None]:
    """Makes `folder` if need be and holds it; the kernel lets go of it when the process dies.

    Raises AlreadyRunningError, and ConfigurationError when nothing can be kept there.
    """
    _check_name(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        lock = (folder / "lock").open("w")
    except (OSError, ValueError) as error:  # ValueError: a null byte
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationError(f"the state folder {folder} cannot be used: {why}; {_ANOTHER}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(
                f"another mesh runs on {folder}; ATELIER_STATE_DIR=<another> and ATELIER_PORT=<another> start a second"
            ) from None
        _check_writable(folder)
        if free < least_free_bytes:
            raise ConfigurationError(
                f"the disk of the state folder {folder} has {free // 2**20} MiB free, and a mesh needs at least "
                f"{least_free_bytes // 2**20} MiB; {_ANOTHER}"
            )
        yield


def _check_name(folder: Path) -> None:
    """Raises ConfigurationError for a path that cannot be passed on to every process."""
    path = str(folder.absolute())
    if os.pathsep in path:
        raise ConfigurationError(f"the state folder {path} has a {os.pathsep!r} in its path; {_ANOTHER}")
    if not path.isprintable():
        raise ConfigurationError(f"the state folder {path!r} has a character that cannot be printed; {_ANOTHER}")


def _check_writable(folder: Path) -> None:
    """Raises ConfigurationError unless files can be written in every folder that is there already."""
    for name in ("", "logs", "run", "nats", "s3", "gateway"):
        place = folder / name
        if place.exists() and not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
            raise ConfigurationError(f"the state folder {folder} cannot be used: {place} cannot be written; {_ANOTHER}")
