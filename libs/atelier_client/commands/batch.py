"""Batches: a job for each of many prompts, submitted ahead and reported in the order of the prompts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from atelier_client.complaint import complain
from atelier_client.console import counter
from atelier_client.errors import AtelierApiError, CannotReachError

_AHEAD = 8
"""Jobs in progress besides the one that is waited for."""

# Errors that every other prompt would have as well.
_FATAL = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED"})


async def each(
    prompts: AsyncIterator[tuple[int, str]],
    make: Callable[[int, str], Coroutine[Any, Any, None]],
    show: Callable[[int], None],
) -> None:
    """Runs `make` for each prompt, a few concurrently, and `show` for each that succeeded, in order.

    A prompt that fails is reported with its line number, and the others continue.

    Args:
        prompts: Line numbers and prompts.
        make: Makes the picture of a prompt.
        show: Called with the line number of a prompt whose picture was made.

    Raises:
        AtelierApiError: PROMPTS_FAILED, at the end, when some prompts failed. At once: an error that concerns all
            prompts, such as a missing connection; jobs in progress are cancelled then.
        OSError: A file cannot be read or written.
        ValueError: There is no prompt, or a line is invalid.
    """
    waiting: asyncio.Queue[tuple[int, asyncio.Task[None]] | Exception | None] = asyncio.Queue(_AHEAD)
    tasks: set[asyncio.Task[None]] = set()

    async def submit() -> None:
        last: Exception | None = None
        try:
            async for number, prompt in prompts:
                task = asyncio.create_task(make(number, prompt))
                tasks.add(task)
                await waiting.put((number, task))
        except (OSError, ValueError) as error:
            last = error
        await waiting.put(last)

    submitting = asyncio.create_task(submit())
    failed = count = 0
    try:
        with counter() as counted:
            while isinstance(item := await waiting.get(), tuple):
                number, task = item
                count += 1
                try:
                    await task
                except AtelierApiError as error:
                    if isinstance(error, CannotReachError) or error.code in _FATAL:
                        raise
                    failed += 1
                    complain(error, where=f"line {number}: ")
                else:
                    show(number)
                tasks.discard(task)
                counted(count, failed)
    finally:
        submitting.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(submitting, *tasks, return_exceptions=True)
    if isinstance(item, Exception):
        raise item
    if not count:
        raise ValueError("there is no prompt in the file")
    if failed:
        raise AtelierApiError("ABORTED", "PROMPTS_FAILED", f"{failed} of {count} prompts failed")


def numbered(output: Path | None, number: int) -> Path | None:
    """Returns the file of a prompt: `out-0003.png` for `out.png`, `0003` in a folder; None for None."""
    if output is None:
        return None
    if output.is_dir():
        return output / f"{number:04}"
    return output.with_name(f"{output.stem}-{number:04}{output.suffix}")
