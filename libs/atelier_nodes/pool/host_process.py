"""Host processes: the pool's handle of a host, with its socket and its exit."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import psutil

from atelier_nodes.pool.host_socket import HostSocket

_EXIT_S = 2.0


class HostProcess:
    """One host below its guardian.

    Attributes:
        socket: The socket to the host.
        guardian: The process id of its guardian, from which all of its processes descend.
        exited: How the guardian ended; set by the template, which is its parent.
    """

    def __init__(
        self, socket: HostSocket, guardian: int, folder: Path | None = None, kill: Callable[[], None] | None = None
    ) -> None:
        """Makes the handle of a running host.

        Args:
            socket: The socket to it.
            guardian: The process id of its guardian.
            folder: Its folder of temporary files, which is removed when it has ended.
            kill: Kills it with all that it started; None if its guardian does so on SIGTERM.
        """
        self._kill = kill or self._terminate
        self.socket = socket
        self.guardian = guardian
        self.exited: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._folder = folder

    def kill(self) -> None:
        """Kills the host and all that it started. Idempotent; `end` returns how it ended."""
        if not self.exited.done():
            self._kill()

    async def end(self) -> str:
        """Closes the socket, which ends the host, and waits for its exit; kills it after `_EXIT_S`. Idempotent.

        Returns:
            How it ended.
        """
        self.socket.close()
        try:
            async with asyncio.timeout(_EXIT_S):
                how = await asyncio.shield(self.exited)
        except TimeoutError:
            kill_tree(self.guardian)
            how = await self.exited
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        return how

    def _terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.guardian, signal.SIGTERM)


def kill_tree(pid: int) -> None:
    """Kills a process and its descendants."""
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        for process in [*top.children(recursive=True), top]:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                process.kill()


def how_of(code: int) -> str:
    """Describes an exit code; a guardian ends with 128 and the number of the signal that ended its host."""
    number = -code if code < 0 else code - 128
    if number > 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(number).name
    return f"exit status {code}"
