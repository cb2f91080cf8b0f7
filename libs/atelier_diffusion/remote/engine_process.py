"""The engine process as its parent sees it: start, messages, end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from typing import Any

from atelier_diffusion.engine.hardware import process_memory_bytes
from atelier_diffusion.remote.messages import HEADER, Open, packed, unpacked

_EXIT_S = 5.0  # for the process to end by itself
_BUFFER_BYTES = 16 * 2**20  # a picture arrives in one message


class EngineProcess:
    """One run of `engine_server`, and the socket to it."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, opening: Open) -> EngineProcess:
        """Starts the process and sends it what to open.

        Raises:
            OSError: The process cannot be started.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                # Not in a shell, nothing from outside in its arguments, and no signal that is meant for the worker.
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "atelier_diffusion.remote.engine_server", str(theirs.fileno()),
                    stdin=asyncio.subprocess.DEVNULL, pass_fds=(theirs.fileno(),), start_new_session=True,
                )  # fmt: skip
            child = cls(process, *await asyncio.open_unix_connection(sock=ours, limit=_BUFFER_BYTES))
        except BaseException:
            ours.close()
            raise
        child.send(opening)
        return child

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def resident_bytes(self) -> int:
        """Its resident memory; 0 when it has ended."""
        return process_memory_bytes(self.pid) if self._process.returncode is None else 0

    def send(self, message: object) -> None:
        """Sends a message; dropped when the process has ended or its socket is closed: `receive` reports that."""
        if not self._writer.is_closing():
            self._writer.write(packed(message))

    async def receive(self) -> Any:
        """Waits for the next message; None when the process has ended."""
        try:
            (length,) = HEADER.unpack(await self._reader.readexactly(HEADER.size))
            return unpacked(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError):
            return None

    def kill(self) -> None:
        """Kills the process. Idempotent; `end` returns how it ended."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def end(self) -> str:
        """Closes the socket, upon which the process ends, and waits for that; kills it after `_EXIT_S`. Idempotent.

        Returns:
            How it ended: a signal's name or its exit status.
        """
        self._writer.close()
        try:
            async with asyncio.timeout(_EXIT_S):
                code = await self._process.wait()
        except TimeoutError:
            self._process.kill()
            code = await self._process.wait()
        return signal.Signals(-code).name if code < 0 else f"exit status {code}"
