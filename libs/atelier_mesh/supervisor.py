"""Starts processes, starts them again when they fall, and leaves none behind."""

import asyncio
import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from atelier_mesh.program import Program
from atelier_mesh.readiness import until_ready

_PR_SET_PDEATHSIG = 1
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 10.0
# A process that ran this long before it fell starts again after the first pause.
_STABLE_S = 30.0
_MAX_LOG_BYTES = 10 * 1024 * 1024

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """Runs in the child before exec: the kernel kills it when the launcher dies, however it dies."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Supervisor:
    """Runs programs; each writes to `<logs>/<name>.log` and its pid to `<pids>/<name>.pid`."""

    def __init__(self, logs: Path, pids: Path, tell: Callable[[str], None]) -> None:
        self._logs = logs
        self._pids = pids
        self._tell = tell
        self._processes: dict[str, tuple[Program, asyncio.subprocess.Process]] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}

    async def start(self, programs: Sequence[Program]) -> None:
        """Starts all; raises OSError when one cannot be executed."""
        for folder in (self._logs, self._pids):
            folder.mkdir(parents=True, exist_ok=True)
        for program in programs:
            await self._spawn(program)
            self._keepers[program.name] = asyncio.create_task(self._keep(program))

    async def until_ready(self, programs: Sequence[Program], timeout_s: float) -> None:
        """Waits until all are ready; raises TimeoutError that names those that are not."""
        waiting = {p.name: asyncio.create_task(until_ready(p.ready)) for p in programs if p.ready}
        await asyncio.wait(waiting.values(), timeout=timeout_s)
        late = [name for name, task in waiting.items() if not task.done()]
        for task in waiting.values():
            task.cancel()
        if late:
            raise TimeoutError(f"not ready within {timeout_s:g} s: {', '.join(late)}")

    async def stop(self, timeout_s: float = 10.0) -> None:
        """SIGTERM to all, wave by wave, and SIGKILL to what is there `timeout_s` after its own.

        Workers go before what they need to give their jobs back.
        """
        for keeper in self._keepers.values():
            keeper.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        for wave in sorted({program.stops for program, _ in self._processes.values()}):
            await _end([process for program, process in self._processes.values() if program.stops == wave], timeout_s)
        for name in self._processes:
            (self._pids / f"{name}.pid").unlink(missing_ok=True)

    def log_of(self, name: str) -> Path:
        """Where a program's output goes."""
        return self._logs / f"{name}.log"

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
                env={**os.environ, **program.environment},
                start_new_session=True,  # Ctrl-C reaches the launcher alone, which stops them in order
                preexec_fn=die_with_parent,
            )
        self._processes[program.name] = (program, process)
        (self._pids / f"{program.name}.pid").write_text(f"{process.pid}\n")

    async def _keep(self, program: Program) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            started = time.monotonic()
            code = await self._processes[program.name][1].wait()
            if time.monotonic() - started > _STABLE_S:
                pause_s = _FIRST_PAUSE_S
            how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
            self._tell(f"{program.name} fell ({how}), starting it again; see {self.log_of(program.name)}")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            await self._spawn(program)


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
