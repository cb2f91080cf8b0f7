"""Cancellation that waits for the statement that runs."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work` to its end also when the caller is cancelled, however often, who hears of it only then.

    For short database work of background tasks: a statement that is dropped half-way costs its connection, and with
    SQLite leaves a thread behind that answers to a loop which may be closed by then.
    """
    task = asyncio.create_task(work)
    cancellation: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        # An error of the work's own is not told any more: nobody is there to hear it.
        await asyncio.gather(task, return_exceptions=True)
        raise cancellation
    return task.result()
