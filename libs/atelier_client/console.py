"""Output of the command line: results on stdout, everything else on stderr, a bar only on a terminal."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from atelier_client.table import clean

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

    from atelier.jobs.v1.job_pb2 import Progress


def result(line: str) -> None:
    """Prints a line of the result to standard output."""
    print(line, flush=True)


def say(line: str) -> None:
    """Prints a line for the user to standard error."""
    print(line, file=sys.stderr, flush=True)


def as_dict(message: "Message") -> dict[str, Any]:
    """Returns the JSON form of `message`, as the REST API writes it."""
    from atelier_client import message_json

    return message_json.fields(message)


def result_json(value: Any, *, lines: bool = False) -> None:
    """Prints `value` as JSON to standard output; on one line if `lines`, for streams."""
    result(json.dumps(value, ensure_ascii=False, indent=None if lines else 2))


def pairs(values: Iterable[tuple[str, str]]) -> None:
    """Prints names and values, aligned; empty values are left out."""
    shown = [(name, clean(value)) for name, value in values if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        result(f"{name:<{width}}  {value}")


def moment(time: "Timestamp") -> str:
    """Returns a time in UTC to the second; the empty string when it is unset."""
    return time.ToDatetime().strftime("%Y-%m-%d %H:%M:%SZ") if time.seconds else ""


def when(moment_of: "Timestamp") -> str:
    """Returns how long ago a time was, when standard output is a terminal; otherwise as `moment` does."""
    if not sys.stdout.isatty() or not moment_of.seconds:
        return moment(moment_of)
    ago_s = int(time.time()) - moment_of.seconds
    if ago_s < 0:
        return moment(moment_of)[:10]
    for unit, length_s in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if ago_s >= length_s:
            return f"{ago_s // length_s} {unit} ago"
    return f"{ago_s} s ago"


def size(count_bytes: int) -> str:
    """Returns a number of bytes as text, such as `1.2 MB`."""
    amount, units = float(count_bytes), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.0f} {units[0]}" if amount >= 100 or units[0] == "B" else f"{amount:.1f} {units[0]}"


def _stage(state: str, progress: "Progress") -> str:
    """Returns the stage of a running job, otherwise its state in lower case."""
    return progress.stage if state == "RUNNING" and progress.stage else state.lower()


class ProgressLines:
    """Progress as plain lines, one for every state and every tenth of a stage."""

    def __init__(self) -> None:
        self._last = ""

    def show(self, state: str, progress: "Progress") -> None:
        """Prints a line when the state, the stage or the tenth has changed."""
        word, done, total = _stage(state, progress), progress.done, progress.total
        tenth = 10 * done // total if total else 0
        line = f"{word} {tenth}" if state == "RUNNING" else word
        if line != self._last:
            self._last = line
            say(f"{word} · {progress.unit} {done} of {total}" if state == "RUNNING" and total else word)


class ProgressBar:
    """Progress as a bar, which begins again with each stage of a job."""

    def __init__(self, progress: Any) -> None:
        self._progress = progress
        self._task = progress.add_task("queued", total=None)

    def show(self, state: str, progress: "Progress") -> None:
        """Updates the bar."""
        known = progress.total if progress.total and state in ("RUNNING", "SUCCEEDED") else None
        self._progress.update(self._task, description=_stage(state, progress), completed=progress.done, total=known)


class NoProgress:
    """Progress that is not shown: a program reads standard error, or many jobs run concurrently."""

    def show(self, state: str, progress: "Progress") -> None:
        """Does nothing."""


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[ProgressLines | ProgressBar | NoProgress]:
    """Opens a progress bar when stderr is a terminal; otherwise lines, or nothing if `quiet`."""
    if not sys.stderr.isatty():
        yield NoProgress() if quiet else ProgressLines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        yield ProgressBar(drawn)


@contextmanager
def counter() -> Iterator[Callable[[int, int], None]]:
    """Opens a counter: a function that shows the numbers of jobs done and failed when stderr is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _failed: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task("0 done", total=None)
        yield lambda done, failed: drawn.update(
            task, description=f"{done} done" + (f", {failed} failed" if failed else "")
        )
