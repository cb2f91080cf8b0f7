"""Asyncio tasks: racing two, cancelling and joining, and shielding from cancellation."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")


async def uninterrupted(work: Awaitable[T]) -> T:
    """Runs `work` to its end also when the caller is cancelled; the cancellation is raised afterwards.

    `asyncio.shield` returns at once and leaves the work running; this one waits for it. For database statements and
    work in threads: a statement that is dropped half-way costs its connection, and a thread cannot be cancelled.

    Args:
        work: A coroutine or a future. It has no deadline but its own.

    Returns:
        The result of `work`.

    Raises:
        asyncio.CancelledError: The caller was cancelled, once or several times; an error of `work` is dropped then.
        Exception: Whatever `work` raises.
    """
    task = asyncio.ensure_future(work)
    cancellation: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        # Retrieves an error of the work, which asyncio would report as never retrieved.
        await asyncio.gather(task, return_exceptions=True)
        raise cancellation
    return task.result()


@asynccontextmanager
async def first_of(
    first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]
) -> AsyncIterator[tuple[asyncio.Task[A], asyncio.Task[B]]]:
    """Runs two coroutines until one of them ends; the block begins then, with both tasks.

    Which one ended is read from the tasks (`done()`); both may have. At the end of the block, or when the caller is
    cancelled, the one that still runs is cancelled, and both have ended. Errors are raised by `result()` alone.
    """
    tasks = asyncio.create_task(first), asyncio.create_task(second)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        yield tasks
    finally:
        await cancel_and_join(*tasks)


async def cancel_and_join(*tasks: asyncio.Task[Any]) -> None:
    """Cancels the tasks and waits until all have ended; what they raise is read from the tasks."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
