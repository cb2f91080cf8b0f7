"""Which processes are started again, and how they are started."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atelier_mesh.program import Program
from atelier_mesh.supervisor import ProgramFailedError, Supervisor, die_with_parent
from tests.support.wait import eventually

NEVER = "http:1/"
"""Of a program that does not become ready."""


class Watched:
    """A supervisor, and what it reported."""

    def __init__(self, folder: Path) -> None:
        self.reports: list[str] = []
        self.folder = folder
        self.supervisor = Supervisor(folder / "logs", folder / "run", self.reports.append)

    def program(self, name: str, code: str, ready: str = "") -> Program:
        """One that counts its starts in a file of its name, and then runs `code`."""
        count = f"open({str(self.folder / name)!r}, 'a').write('x')\n"
        return Program(name, [sys.executable, "-c", count + "import sys, time\n" + code], ready=ready)

    def starts(self, name: str) -> int:
        """How often it was started."""
        file = self.folder / name
        return len(file.read_text()) if file.exists() else 0


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    """A supervisor in the loop of the test, stopped at its end."""
    made = Watched(tmp_path)
    yield made
    await made.supervisor.stop()


async def test_a_process_that_refuses_its_configuration_is_started_once_and_its_reason_is_reported(
    watched: Watched,
) -> None:
    wrong = watched.program("wrong", "print('wrong: ATELIER_X is wrong', file=sys.stderr); sys.exit(78)", NEVER)
    other = watched.program("other", "time.sleep(600)", NEVER)
    await watched.supervisor.start([other, wrong])
    with pytest.raises(ProgramFailedError, match=r"^wrong: ATELIER_X is wrong$"):
        await watched.supervisor.until_ready([other, wrong], 60)
    assert watched.starts("wrong") == 1


async def test_a_program_that_completes_runs_once_and_leaves_no_pid_file(watched: Watched) -> None:
    await watched.supervisor.complete(watched.program("upgrade", "print('done')"), 60)
    assert watched.starts("upgrade") == 1
    assert watched.supervisor.log_of("upgrade").read_text() == "done\n"
    assert list((watched.folder / "run").iterdir()) == []


@pytest.mark.parametrize(
    ("status", "said"), [(78, "^upgrade: the database is newer$"), (1, "^upgrade ended .exit status 1.: .*; see ")]
)
async def test_a_program_that_does_not_complete_is_reported_with_its_reason(
    watched: Watched, status: int, said: str
) -> None:
    code = f"print('upgrade: the database is newer', file=sys.stderr); sys.exit({status})"
    with pytest.raises(ProgramFailedError, match=said):
        await watched.supervisor.complete(watched.program("upgrade", code), 60)
    assert watched.starts("upgrade") == 1


async def test_a_program_that_takes_too_long_to_complete_is_ended_with_the_others(watched: Watched) -> None:
    with pytest.raises(TimeoutError, match="upgrade did not end within"):
        await watched.supervisor.complete(watched.program("upgrade", "time.sleep(600)"), 0.5)
    pid = int((watched.folder / "run" / "upgrade.pid").read_text())
    await watched.supervisor.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_process_that_keeps_ending_before_the_mesh_is_up_ends_the_start(watched: Watched) -> None:
    falling = watched.program("falling", "print('no\\x1b[2J room'); sys.exit(3)", NEVER)
    await watched.supervisor.start([falling])
    with pytest.raises(ProgramFailedError) as failed:
        await watched.supervisor.until_ready([falling], 60)
    assert str(failed.value).startswith("falling ended (exit status 3): no [2J room; see ")
    assert watched.starts("falling") == 3


async def test_one_that_ends_once_is_started_again(watched: Watched) -> None:
    code = f"time.sleep(600) if len(open({str(watched.folder / 'once')!r}).read()) > 1 else sys.exit(1)"
    program = watched.program("once", code)
    await watched.supervisor.start([program])
    await eventually(lambda: watched.starts("once") == 2, what="it runs again")
    assert any(line.startswith("once ended (exit status 1), starting it again") for line in watched.reports)


async def test_one_that_refuses_its_configuration_later_is_left_and_the_mesh_goes_on(watched: Watched) -> None:
    steady = watched.program("steady", "time.sleep(600)")
    await watched.supervisor.start([steady])
    await watched.supervisor.until_ready([steady], 60)
    late = watched.program("late", "sys.exit(78)")
    await watched.supervisor.start([late])
    await eventually(lambda: any("not started again" in line for line in watched.reports), what="it is reported")
    assert watched.starts("late") == 1


def test_children_have_default_signals_whatever_the_launcher_ignores() -> None:
    """As under nohup, or in the background of a shell without job control."""
    ask = "import signal; print([signal.getsignal(n).name for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)])"
    ask += "; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        output = subprocess.run(
            [sys.executable, "-c", ask], preexec_fn=die_with_parent, capture_output=True, text=True, check=True
        ).stdout
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert output == "['SIG_DFL', 'SIG_DFL', 'SIG_DFL']\nTrue\n"
