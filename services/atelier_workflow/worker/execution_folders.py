"""Execution folders: where the nodes of an attempt read and write files, removed when it has ended."""

import asyncio
import fcntl
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from atelier_nodes.protocol import Folders
from atelier_service.tasks import uninterrupted

_LOCK = ".lock"


class ExecutionFolders:
    """The folders of one worker's executions, below a folder that several workers may share."""

    def __init__(self, root: Path, lock: IO[bytes]) -> None:
        """Made by `open_folders`."""
        self._root = root
        self._lock = lock

    @property
    def root(self) -> Path:
        """The folder above all others of this worker."""
        return self._root

    @property
    def idle(self) -> Folders:
        """The folders for what hosts do outside of any execution."""
        return _folders(self._root / "idle")

    def close(self) -> None:
        """Removes all folders of the worker. Blocks."""
        shutil.rmtree(self._root, ignore_errors=True)
        self._lock.close()

    @asynccontextmanager
    async def open(self, name: str) -> AsyncIterator[Folders]:
        """Makes the folders of one attempt, and removes them at the end of the block."""
        folders = _folders(self._root / name)
        await asyncio.to_thread(_make, folders)
        try:
            yield folders
        finally:
            await uninterrupted(asyncio.to_thread(shutil.rmtree, self._root / name, ignore_errors=True))


@asynccontextmanager
async def open_folders(shared: Path, worker_id: str) -> AsyncIterator[ExecutionFolders]:
    """Makes the folders of a worker, and removes them at the end.

    Also removes folders of workers that were killed: their locks are free.

    Args:
        shared: The folder above those of all workers.
        worker_id: The worker.
    """
    folders = await asyncio.to_thread(_open, shared, worker_id)
    try:
        yield folders
    finally:
        await uninterrupted(asyncio.to_thread(folders.close))


def _open(shared: Path, worker_id: str) -> ExecutionFolders:
    shared = shared.absolute()
    shared.mkdir(parents=True, exist_ok=True)
    for other in shared.iterdir():
        if (other / _LOCK).is_file():
            with (other / _LOCK).open("rb") as lock:
                if _is_mine(lock):
                    shutil.rmtree(other, ignore_errors=True)
    root = shared / worker_id
    root.mkdir(exist_ok=True)
    own = (root / _LOCK).open("wb")
    _is_mine(own)  # the kernel releases it when the process ends, however it ends
    folders = ExecutionFolders(root, own)
    _make(folders.idle)
    return folders


def _is_mine(lock: IO[bytes]) -> bool:
    """Tries to take a lock; returns False if another process holds it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _folders(folder: Path) -> Folders:
    return Folders(input=folder / "input", output=folder / "output", temp=folder / "temp")


def _make(folders: Folders) -> None:
    for folder in (folders.input, folders.output, folders.temp):
        folder.mkdir(parents=True, exist_ok=True)
