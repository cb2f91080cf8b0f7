"""Uploads under way, in unnamed temporary files."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

import structlog

from atelier_service.errors import UnavailableError

_log = structlog.get_logger(__name__)

T = TypeVar("T")


class FileSpool:
    """Temporary files in one folder. They have no name there, so a killed process leaves none behind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @asynccontextmanager
    async def open(self) -> AsyncIterator["SpooledFile"]:
        """A new empty file."""
        # On leaving, a thread that still works on it (a cancelled upload) meets a closed file, and ends.
        with tempfile.TemporaryFile(dir=self._folder) as file:
            yield SpooledFile(file)


class SpooledFile:
    """One file; calls must follow one another."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self._digest = hashlib.sha256()
        self._size_bytes = 0

    @property
    def size_bytes(self) -> int:
        """Bytes so far."""
        return self._size_bytes

    @property
    def sha256(self) -> str:
        """Digest so far, hex."""
        return self._digest.hexdigest()

    async def append(self, data: bytes) -> None:
        """Adds bytes; raises UnavailableError when the disk is full."""
        await self._in_thread(partial(self._append, data))

    def _append(self, data: bytes) -> None:
        self.file.write(data)
        self._digest.update(data)
        self._size_bytes += len(data)

    async def inspect(self, look: Callable[[BinaryIO], T]) -> T:
        """Runs `look` on the file, from its start, in a thread."""
        return await self._in_thread(partial(self._inspect, look))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            _log.error("the spool folder failed", error=error.strerror)
            text = "there is no room for uploads now"
            raise UnavailableError("SPOOL_UNAVAILABLE", text, retry_after_s=10.0) from error

    def _inspect(self, look: Callable[[BinaryIO], T]) -> T:
        self.file.seek(0)
        return look(self.file)
