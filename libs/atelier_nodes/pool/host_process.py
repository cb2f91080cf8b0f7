"""The host process as the pool sees it: start, messages, end."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psutil

from atelier_nodes.protocol.frames import HEADER, body_lengths, from_frame, to_frame
from atelier_nodes.protocol.messages import FROM_HOST, FromHost, ToHost

_EXIT_S = 2.0
_BUFFER_BYTES = 4 * 2**20
_PASSED = (
    "PATH", "LANG", "LANGUAGE", "TZ", "TERM", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "OMP_WAIT_POLICY",
    "GOMP_SPINCOUNT", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "CUDA_HOME",
    "NVIDIA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "SSL_CERT_FILE", "VIRTUAL_ENV",
)  # fmt: skip


def host_environment(environment: Mapping[str, str], home: Path | None, also: tuple[str, ...]) -> dict[str, str]:
    """Returns what a host gets of an environment: what every program needs, and no credentials.

    Args:
        environment: The environment to choose from.
        home: The host's home and folder of temporary files; None for those of the environment.
        also: Names of further variables.
    """
    names = {*_PASSED, *also, *(name for name in environment if name.startswith("LC_"))}
    if home is None:
        names |= {"HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CACHE_HOME"}
    chosen = {name: environment[name] for name in names if name in environment}
    if home is not None:
        chosen |= {"HOME": str(home), "TMPDIR": str(home)}
    return {**chosen, "PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"}


class HostProcess:
    """One run of `python -m atelier_nodes.host`, the socket to it, and its output."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        folder: Path,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self.folder = folder

    @classmethod
    async def start(cls, *, confined: bool, environment: tuple[str, ...]) -> "HostProcess":
        """Starts the process; it waits for `OpenHost`.

        Args:
            confined: Its home is a folder of its own, which is removed when it has ended.
            environment: Names of environment variables that it gets besides the usual ones.

        Raises:
            OSError: The process cannot be started.
        """
        folder = Path(tempfile.mkdtemp(prefix="atelier-host-"))
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                # Its signals are not ours: a session of its own, so that Ctrl-C reaches the pool alone.
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "atelier_nodes.host", str(theirs.fileno()), str(os.getpid()),
                    stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
                    env=host_environment(os.environ, folder if confined else None, environment),
                    cwd=folder, pass_fds=(theirs.fileno(),), start_new_session=True,
                )  # fmt: skip
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_BUFFER_BYTES)
        except BaseException:
            ours.close()
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return cls(process, reader, writer, folder)

    @property
    def pid(self) -> int:
        """The process id of the host's guardian, from which all of its processes descend."""
        return self._process.pid

    def send(self, message: ToHost) -> None:
        """Sends a message; dropped when the process has ended: `receive` reports that.

        Raises:
            ProtocolError: The message is too large.
            TypeError: A value is not JSON.
        """
        frame = to_frame(message)
        if not self._writer.is_closing():
            self._writer.write(frame)

    async def receive(self) -> FromHost | None:
        """Waits for the next message; None when the socket is closed.

        Raises:
            ProtocolError: The host sent what is no message.
        """
        try:
            text, data = body_lengths(await self._reader.readexactly(HEADER.size))
            body = await self._reader.readexactly(text + data)
        except (asyncio.IncompleteReadError, OSError):
            return None
        return from_frame(body[:text], body[text:], FROM_HOST)

    async def output(self) -> bytes:
        """Waits for the next piece of what the process and its children write; empty when all have ended."""
        assert self._process.stdout is not None
        return await self._process.stdout.read(8192)

    async def wait(self) -> str:
        """Waits until the process has ended, and returns how: a signal's name or its exit status."""
        return _how(await self._process.wait())

    def close(self) -> None:
        """Closes the socket: the host ends, and `receive` returns None."""
        self._writer.close()

    def kill(self) -> None:
        """Kills the host and all that it started. Idempotent; `end` returns how it ended."""
        if self._process.returncode is not None:
            return
        descendants: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            descendants = psutil.Process(self.pid).children(recursive=True)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        for process in descendants:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                process.kill()

    async def end(self) -> str:
        """Closes the socket, upon which the process ends, and waits for that; kills it after `_EXIT_S`. Idempotent.

        Returns:
            How it ended.
        """
        self._writer.close()
        try:
            async with asyncio.timeout(_EXIT_S):
                how = await self.wait()
        except TimeoutError:
            self.kill()
            how = await self.wait()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
        return how


def _how(code: int) -> str:
    """Describes an exit code; a guardian ends with 128 and the number of the signal that ended its host."""
    number = -code if code < 0 else code - 128
    if code < 0 or code > 128:
        with contextlib.suppress(ValueError):
            return signal.Signals(number).name
    return f"exit status {code}"
