"""The supervisor of the mesh's processes: starts them, restarts those that end, and stops all of them."""

import asyncio
import contextlib
import ctypes
import itertools
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from atelier_mesh.program import Program, until_ready
from atelier_service.configuration import EXIT_STATUS

_PR_SET_PDEATHSIG = 1
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 10.0
# A process that ran this long before it ended is restarted after the first pause.
_STABLE_S = 30.0
# A process that ends this often before the mesh is ready is given up: no request can have caused that.
_EXITS_AT_START = 3
_MAX_LOG_BYTES = 10 * 1024 * 1024
_LAST_LINE_BYTES = 4096
# The parent of the launcher may ignore these signals (nohup, a shell's background job), and children inherit that.
_DEFAULT_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE)

_libc = ctypes.CDLL(None, use_errno=True)


class ProgramFailedError(Exception):
    """A program cannot run; the message contains its name, the reason and the path of its log."""


def die_with_parent() -> None:
    """Runs in the child before exec: the kernel will kill it when the launcher dies, however it dies.

    Resets signals to their default dispositions.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in _DEFAULT_SIGNALS:
        signal.signal(number, signal.SIG_DFL)


class Supervisor:
    """Runs programs, each with its output in `<logs>/<name>.log` and its process id in `<pids>/<name>.pid`."""

    def __init__(self, logs: Path, pids: Path, report: Callable[[str], None]) -> None:
        """Starts nothing yet.

        Args:
            logs: Folder of logs, created when needed.
            pids: Folder of process ids, created when needed.
            report: Called with one sentence for the user about each event, such as a restart.
        """
        self._logs = logs
        self._pids = pids
        self._report = report
        self._processes: dict[str, tuple[Program, asyncio.subprocess.Process]] = {}
        self._monitors: dict[str, asyncio.Task[None]] = {}
        self._up = False
        self._failed: asyncio.Future[ProgramFailedError] = asyncio.get_running_loop().create_future()

    async def complete(self, program: Program, timeout_s: float) -> None:
        """Runs a program that ends by itself, to its end.

        Raises:
            ProgramFailedError: It ended with another exit status than 0.
            TimeoutError: It did not end in time; `stop` ends it.
            OSError: It cannot be executed.
        """
        self._make_folders()
        await self._spawn(program)
        process = self._processes[program.name][1]
        try:
            code = await asyncio.wait_for(process.wait(), timeout_s)
        except TimeoutError:
            raise TimeoutError(f"{program.name} did not end within {timeout_s:g} s") from None
        del self._processes[program.name]
        (self._pids / f"{program.name}.pid").unlink(missing_ok=True)
        if code != 0:
            raise self._failure(program, code)

    async def start(self, programs: Sequence[Program]) -> None:
        """Starts programs, and restarts each that ends. Raises OSError when one cannot be executed."""
        self._make_folders()
        for program in programs:
            await self._spawn(program)
            self._monitors[program.name] = asyncio.create_task(self._monitor(program))

    async def until_ready(self, programs: Sequence[Program], timeout_s: float) -> None:
        """Waits until all programs are ready.

        Raises:
            ProgramFailedError: One cannot run; raised at once.
            TimeoutError: Some were not ready after `timeout_s` seconds; the message names them.
        """
        waiting = {p.name: asyncio.create_task(until_ready(p.ready)) for p in programs if p.ready}
        everything = asyncio.gather(*waiting.values())
        either: set[asyncio.Future[Any]] = {everything, self._failed}
        try:
            await asyncio.wait(either, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if self._failed.done():
                raise self._failed.result()
            if late := [name for name, task in waiting.items() if not task.done()]:
                raise TimeoutError(f"not ready within {timeout_s:g} s: {', '.join(late)}")
            await everything
        finally:
            everything.cancel()
            await asyncio.gather(everything, return_exceptions=True)
        self._up = True

    async def stop(self, timeout_s: float = 10.0) -> None:
        """Sends SIGTERM to all programs, one `Program.stop_wave` after the other.

        Those that still run after `timeout_s` seconds get SIGKILL. Workers end before the services by which
        they release their jobs.
        """
        for monitor in self._monitors.values():
            monitor.cancel()
        await asyncio.gather(*self._monitors.values(), return_exceptions=True)
        for wave in sorted({program.stop_wave for program, _ in self._processes.values()}):
            await _end(
                [process for program, process in self._processes.values() if program.stop_wave == wave], timeout_s
            )
        for name in self._processes:
            (self._pids / f"{name}.pid").unlink(missing_ok=True)

    def log_of(self, name: str) -> Path:
        """Returns the path of the file with a program's output."""
        return self._logs / f"{name}.log"

    def _make_folders(self) -> None:
        for folder in (self._logs, self._pids):
            folder.mkdir(parents=True, exist_ok=True)

    async def _spawn(self, program: Program) -> None:
        log = self.log_of(program.name)
        if log.exists() and log.stat().st_size > _MAX_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *program.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=program.folder,
                env={**os.environ, **program.environment},
                start_new_session=True,  # Ctrl-C reaches the launcher alone, which stops them in order
                preexec_fn=die_with_parent,
            )
        self._processes[program.name] = (program, process)
        try:
            (self._pids / f"{program.name}.pid").write_text(f"{process.pid}\n")
        except OSError as error:
            self._report(f"{program.name} runs, and its pid file cannot be written: {error}")

    async def _monitor(self, program: Program) -> None:
        pause_s = _FIRST_PAUSE_S
        for exits in itertools.count(1):
            started = time.monotonic()
            code = await self._processes[program.name][1].wait()
            if time.monotonic() - started > _STABLE_S:
                pause_s = _FIRST_PAUSE_S
            if code == EXIT_STATUS or (not self._up and exits >= _EXITS_AT_START):
                self._give_up(program, code)
                return
            self._report(f"{program.name} ended ({_how(code)}), starting it again; see {self.log_of(program.name)}")
            while True:
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                try:
                    await self._spawn(program)
                    break
                except OSError as error:  # such as a full disk, which may be temporary
                    self._report(f"{program.name} cannot be started: {error}")

    def _give_up(self, program: Program, code: int) -> None:
        """Leaves a program stopped; a mesh that is not ready yet fails."""
        error = self._failure(program, code)
        if self._up:
            self._report(f"{error}. It is not started again.")
        elif not self._failed.done():
            self._failed.set_result(error)

    def _failure(self, program: Program, code: int) -> ProgramFailedError:
        log = self.log_of(program.name)
        reason = _last_line(log).removeprefix(f"{program.name}: ") or _how(code)
        return ProgramFailedError(
            f"{program.name}: {reason}"
            if code == EXIT_STATUS
            else f"{program.name} ended ({_how(code)}): {reason}; see {log}"
        )


def _how(code: int) -> str:
    """Returns an exit code as text: the name of a signal, or the exit status."""
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def _last_line(log: Path) -> str:
    """Returns the last line of a log without control characters; empty when there is none."""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_LINE_BYTES))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return "".join(c if c.isprintable() else " " for c in lines[-1]).strip() if lines else ""


async def _end(processes: Sequence[asyncio.subprocess.Process], timeout_s: float) -> None:
    waiting = [asyncio.create_task(process.wait()) for process in processes]
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    await asyncio.wait(waiting, timeout=timeout_s)
    for process in processes:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    await asyncio.gather(*waiting)
