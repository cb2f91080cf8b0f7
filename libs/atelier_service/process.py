"""Running a process: uvloop, signals as an event, and background tasks."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import uvloop


def run(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Runs `main(stopping)` to its end; SIGTERM and SIGINT set `stopping`."""

    async def _main() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        await main(stopping)

    uvloop.run(_main())


@asynccontextmanager
async def background(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs `works` while the context is open, then cancels them and waits for their end.

    The process ends when one of them fails, so that its supervisor restarts it: a service must not continue without its
    relay or reader.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


@asynccontextmanager
async def stoppable(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Runs `work(stopping)` while the context is open; at its end sets `stopping` and waits for the work to end."""
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(work(stopping))
        try:
            yield
        finally:
            stopping.set()


def heed_cancellation() -> None:
    """Raises CancelledError when this task was cancelled; to be called after awaiting a library's `wait_for`.

    In Python 3.11 `asyncio.wait_for` drops a cancellation that comes together with its result (python/cpython#86296),
    and a task with an endless loop would then never end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
