"""Prompts from a file or a pipe, one per line."""

import asyncio
import codecs
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

_MAX_LINE_BYTES = 100_000  # much more than the longest prompt
_READ_BYTES = 65_536
_LINES_AHEAD = 16
_STDIN = 0

Line = tuple[int, str]
"""A prompt and the number of its line, from 1."""


async def read_prompts(file: Path) -> AsyncIterator[Line]:
    """Yields the prompts in `file` as they are read; `-` is standard input. Blank lines count but are skipped.

    Raises:
        OSError: The file cannot be read.
        ValueError: A line is not UTF-8, or is longer than a prompt may be.
    """
    descriptor = _STDIN if str(file) == "-" else os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Line | BaseException | None] = asyncio.Queue(_LINES_AHEAD)

    def read() -> None:
        """Runs in a thread of its own, which may still wait for a line when the program ends."""
        try:
            last: BaseException | None = None
            for line in _lines(descriptor):
                asyncio.run_coroutine_threadsafe(queue.put(line), loop).result()
        except (OSError, ValueError) as error:
            last = error
        except RuntimeError:
            return  # the loop has ended: no task waits for lines
        if not loop.is_closed():
            asyncio.run_coroutine_threadsafe(queue.put(last), loop)

    threading.Thread(target=read, name="prompts", daemon=True).start()
    while (item := await queue.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        yield item


def _lines(descriptor: int) -> Iterator[Line]:
    # Not through sys.stdin: a thread that waits for its buffer would block the exit of the program.
    text, rest, number = codecs.getincrementaldecoder("utf-8-sig")(), "", 0
    while True:
        data = os.read(descriptor, _READ_BYTES)
        try:
            rest += text.decode(data, final=not data)
        except UnicodeDecodeError:
            raise ValueError(f"line {number + rest.count(chr(10)) + 1} or one near it is not UTF-8") from None
        *whole, rest = rest.split("\n")
        if not data and rest:
            whole.append(rest)
        for line in whole:
            number += 1
            if line.strip():
                yield number, line.strip()
        if len(rest) > _MAX_LINE_BYTES:
            raise ValueError(f"line {number + 1} is longer than any prompt")
        if not data:
            return
