"""Template processes: the pool's handle of a template, which loads nodes once and forks hosts."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import TypeVar

import psutil
import structlog

from atelier_nodes.pool.errors import HostLostError
from atelier_nodes.pool.host_environment import host_environment
from atelier_nodes.pool.host_process import HostProcess, how_of, kill_tree
from atelier_nodes.pool.host_socket import HostSocket
from atelier_nodes.pool.output_lines import OutputLines
from atelier_nodes.protocol.frames import ProtocolError
from atelier_nodes.protocol.messages import HostExited, HostForked, OpenHost, PackBegun, TemplateLoaded

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_EXIT_S = 2.0
_FORK_S = 60.0


class TemplateProcess:
    """One run of `python -m atelier_nodes.host`.

    Attributes:
        folder: The folder of its temporary files and of those of its hosts.
        loading_pack: The pack that it is importing; empty when it has loaded all.
        forkable: True if it forks hosts; otherwise it becomes a host.
        lost: Set when it has ended, with all of its hosts.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, channel: HostSocket, sender: socket.socket, folder: Path
    ) -> None:
        self._process = process
        self._channel = channel
        self._sender = sender
        self._lines = OutputLines(process.pid)
        self._loaded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._forking: list[asyncio.Future[HostForked]] = []
        self._hosts: dict[int, HostProcess] = {}
        self._exited_early: dict[int, str] = {}
        self.folder = folder
        self.loading_pack = ""
        self.forkable = True
        self.lost = asyncio.Event()
        self._tasks = [asyncio.create_task(work) for work in (self._receive(), self._wait(), self._read_output())]

    @classmethod
    async def start(cls, *, confined: bool, environment: tuple[str, ...]) -> "TemplateProcess":
        """Starts the process.

        Args:
            confined: True to give it a home folder of its own.
            environment: Names of environment variables that it receives besides the usual ones.

        Raises:
            OSError: The process cannot be started.
        """
        folder = Path(tempfile.mkdtemp(prefix="atelier-host-"))
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                # A session of its own, so that Ctrl-C reaches only the pool.
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "atelier_nodes.host", str(theirs.fileno()), str(os.getpid()),
                    stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
                    env=host_environment(os.environ, folder if confined else None, environment),
                    cwd=folder, pass_fds=(theirs.fileno(),), start_new_session=True,
                )  # fmt: skip
            return cls(process, await HostSocket.of(ours), ours.dup(), folder)
        except BaseException:
            ours.close()
            shutil.rmtree(folder, ignore_errors=True)
            raise

    @property
    def last_line(self) -> str:
        """The last line that it printed; empty if it printed none."""
        return self._lines.last

    async def load(self, opening: OpenHost, limit_s: float) -> None:
        """Waits until the template has loaded the nodes.

        Raises:
            HostLostError: The process ended before, or took too long: HOST_NOT_STARTED.
        """
        self._channel.send(opening)
        try:
            async with asyncio.timeout(limit_s):
                await asyncio.shield(self._loaded)
        except TimeoutError:
            self.kill()
            raise HostLostError("HOST_NOT_STARTED", f"nodes were not loaded within {limit_s:g} s") from None

    async def host(self) -> HostProcess:
        """Forks a host, or makes the template itself one.

        Raises:
            HostLostError: The template has ended: HOST_NOT_STARTED.
        """
        ours, theirs = socket.socketpair()
        forked: asyncio.Future[HostForked] = asyncio.get_running_loop().create_future()
        try:
            with theirs:
                socket.send_fds(self._sender, [b"h"], [theirs.fileno()])
            channel = await HostSocket.of(ours)
        except OSError as error:
            ours.close()
            raise HostLostError("HOST_NOT_STARTED", f"the template of hosts ended: {error.strerror}") from error
        if not self.forkable:
            host = HostProcess(channel, self._process.pid, kill=self.kill)
            self._hosts[0] = host
            return host
        self._forking.append(forked)
        try:
            if self.lost.is_set():
                raise HostLostError("HOST_NOT_STARTED", "the template of hosts ended")
            async with asyncio.timeout(_FORK_S):
                message = await forked
            guardian = await asyncio.to_thread(self._outer_pid, message.pid)
        except BaseException as error:
            channel.close()
            if isinstance(error, psutil.NoSuchProcess):
                raise HostLostError("HOST_NOT_STARTED", "the host ended before it was ready") from error
            if isinstance(error, TimeoutError):
                self.kill()
                raise HostLostError("HOST_NOT_STARTED", "the template of hosts forks none") from error
            raise
        host = HostProcess(channel, guardian, Path(message.folder))
        self._hosts[message.pid] = host
        if how := self._exited_early.pop(message.pid, ""):
            host.exited.set_result(how)
        return host

    def kill(self) -> None:
        """Kills the process and all of its hosts. Idempotent."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            kill_tree(self._process.pid)

    async def end(self) -> None:
        """Closes the socket, which ends the process, and waits for its exit; kills it after `_EXIT_S`."""
        self._channel.close()
        try:
            async with asyncio.timeout(_EXIT_S):
                await self.lost.wait()
        except TimeoutError:
            self.kill()
        await asyncio.gather(*self._tasks)
        self._sender.close()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    def _outer_pid(self, inner: int) -> int:
        """Translates a process id from the template's namespace to this one.

        Raises:
            psutil.NoSuchProcess: It has ended.
        """
        for process in psutil.Process(self._process.pid).children(recursive=True):
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{process.pid}/status").read_text()
                _, found, rest = status.partition("NSpid:")
                if found and int(rest.split("\n", 1)[0].split()[-1]) == inner:
                    return process.pid
        raise psutil.NoSuchProcess(inner)

    async def _receive(self) -> None:
        try:
            while (message := await self._channel.receive()) is not None:
                match message:
                    case PackBegun():
                        self.loading_pack = message.path
                    case TemplateLoaded():
                        self.loading_pack, self.forkable = "", message.forkable
                        self._loaded.set_result(None)
                    case HostForked() if self._forking:
                        _settle(self._forking.pop(0), message)
                    case HostExited():
                        self._end_host(message)
        except ProtocolError as error:
            _log.error("a template of hosts sent what is no message, and is ended", fault=str(error)[:500])
            self.kill()
        try:
            async with asyncio.timeout(_EXIT_S):
                await self.lost.wait()
        except TimeoutError:
            self.kill()

    def _end_host(self, message: HostExited) -> None:
        how = how_of(message.code)
        if host := self._hosts.pop(message.pid, None):
            _settle(host.exited, how)
        else:
            self._exited_early[message.pid] = how

    async def _wait(self) -> None:
        how = how_of(await self._process.wait())
        self.lost.set()
        error = HostLostError("HOST_NOT_STARTED", f"the process ended while it loaded nodes ({how})")
        if not self._loaded.done():
            self._loaded.set_exception(error)
            self._loaded.exception()  # marked as retrieved: there may be no waiter
        for forked in self._forking:
            if not forked.done():
                forked.set_exception(error)
        for host in self._hosts.values():
            _settle(host.exited, how)

    async def _read_output(self) -> None:
        assert self._process.stdout is not None
        while piece := await self._process.stdout.read(8192):
            self._lines.take(piece)
        self._lines.end()


def _settle(future: asyncio.Future[T], value: T) -> None:
    """Sets a result, unless the future is done, as when its waiter was cancelled."""
    if not future.done():
        future.set_result(value)
