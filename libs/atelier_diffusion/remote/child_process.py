"""The process that draws, from its start to its end, as the process that started it sees it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from typing import Any

from atelier_diffusion.engine.hardware import process_memory_bytes
from atelier_diffusion.remote.messages import HEADER, Open, packed, unpacked

_LAST_S = 5.0  # for the process to end by itself
_BUFFER_BYTES = 16 * 2**20  # a picture arrives in one go


class EngineChild:
    """One run of `engine_server`, and the socket to it."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, opening: Open) -> EngineChild:
        """Starts it, and tells it what to open. Raises OSError."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                # Not in a shell, nothing from outside in its arguments, and no signal that is meant for the service.
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
        return self._process.pid

    @property
    def resident_bytes(self) -> int:
        """Its memory; 0 when it has ended."""
        return process_memory_bytes(self.pid) if self._process.returncode is None else 0

    def send(self, message: object) -> None:
        """What it does not hear because it has ended, or was hung up on, is told to nobody."""
        if not self._writer.is_closing():
            self._writer.write(packed(message))

    async def receive(self) -> Any:
        """The next message; None when it has ended."""
        try:
            (length,) = HEADER.unpack(await self._reader.readexactly(HEADER.size))
            return unpacked(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError):
            return None

    def kill(self) -> None:
        """Ends it at once. Idempotent; `end` says how it ended."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def end(self) -> str:
        """Hangs up, which it takes for its end, and waits for that, but not for long: a process that nobody hears is of
        no use. Says how it ended. Idempotent."""
        self._writer.close()
        try:
            async with asyncio.timeout(_LAST_S):
                code = await self._process.wait()
        except TimeoutError:
            self._process.kill()
            code = await self._process.wait()
        return signal.Signals(-code).name if code < 0 else f"exit status {code}"
