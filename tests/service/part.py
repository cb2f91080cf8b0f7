"""A part of the mesh in this process that a test can stop and start again."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

T = TypeVar("T")


class Part(Generic[T]):
    """Runs a service's `serve(...)` in a task of its own."""

    def __init__(self, serve: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self._serve = serve
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> T:
        """Returns what `serve` yields, once it does."""
        self._stopping = asyncio.Event()
        ready: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(ready, self._stopping))
        await asyncio.wait((ready, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            await self._task
        return await ready

    async def stop(self) -> None:
        """Returns when it has ended; raises what it failed with."""
        task, self._task = self._task, None
        if task is not None:
            self._stopping.set()
            await task

    async def _run(self, ready: "asyncio.Future[T]", stopping: asyncio.Event) -> None:
        async with self._serve() as served:
            ready.set_result(served)
            await stopping.wait()
