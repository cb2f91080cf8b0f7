"""Standard output as the target of a picture or a clip: `-o -`."""

import asyncio
import os
import sys
from pathlib import Path

STDOUT = Path("-")


class OutputClosedError(Exception):
    """The reader of standard output has closed it, as `head` does; this is not a failure."""


def is_stdout(path: Path | None) -> bool:
    """Whether `path` means standard output."""
    return path == STDOUT


def check_stdout(*, json: bool) -> None:
    """Raises ValueError, before a job is submitted, when a file cannot be written to standard output."""
    if json:
        raise ValueError("--json and -o - both want standard output; name a file")
    if sys.stdout.isatty():
        raise ValueError("standard output is a terminal: redirect it, or name a file")


async def write_stdout(data: bytes) -> None:
    """Writes all of `data`. Raises OutputClosedError, OSError."""

    def write() -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    try:
        await asyncio.to_thread(write)
    except BrokenPipeError as error:
        raise OutputClosedError from error


def abandon_stdout() -> None:
    """Lets Python exit without an error message about output that could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
