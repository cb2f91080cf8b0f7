"""Folders of an execution: what its nodes read and write, removed when the attempt has ended."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from atelier_nodes.protocol import Folders
from atelier_service.tasks import uninterrupted


class ExecutionFolders:
    """Makes the folders of executions below one folder, which belongs to one worker."""

    def __init__(self, root: Path) -> None:
        """Creates the folder; what an earlier process left there is removed by `clear`."""
        self._root = root

    @property
    def root(self) -> Path:
        """The folder above all others."""
        return self._root

    @property
    def idle(self) -> Folders:
        """The folders of no execution, for what hosts do outside of any."""
        return _folders(self._root / "idle")

    def clear(self) -> None:
        """Removes what an earlier process left. Blocks."""
        shutil.rmtree(self._root, ignore_errors=True)
        _make(self.idle)

    @asynccontextmanager
    async def open(self, name: str) -> AsyncIterator[Folders]:
        """Makes the folders of one attempt, and removes them at the end of the block."""
        folders = _folders(self._root / name)
        await asyncio.to_thread(_make, folders)
        try:
            yield folders
        finally:
            await uninterrupted(asyncio.to_thread(shutil.rmtree, self._root / name, ignore_errors=True))


def _folders(folder: Path) -> Folders:
    return Folders(input=folder / "input", output=folder / "output", temp=folder / "temp")


def _make(folders: Folders) -> None:
    for folder in (folders.input, folders.output, folders.temp):
        folder.mkdir(parents=True, exist_ok=True)
