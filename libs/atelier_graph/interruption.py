"""Interrupts: how another thread ends an execution."""

import asyncio
import threading
import time


class Interruption:
    """The wish to end an execution, and what wakes its executor while it waits for asynchronous nodes."""

    def __init__(self) -> None:
        self._flag = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._awake = asyncio.Event()

    @property
    def is_set(self) -> bool:
        """True once the execution is to end."""
        return self._flag.is_set()

    def set(self) -> None:
        """Ends the execution at its next call of a node or progress update. From any thread, while its loop runs."""
        self._flag.set()
        self._loop.call_soon_threadsafe(self._awake.set)

    def wake(self) -> None:
        """Ends `wait`. From the executor's thread."""
        self._awake.set()

    async def wait(self, deadline: float | None) -> None:
        """Waits for `set` or `wake`, at most until a time of `time.monotonic()`."""
        try:
            async with asyncio.timeout(None if deadline is None else max(deadline - time.monotonic(), 0)):
                await self._awake.wait()
        except TimeoutError:
            return  # the executor looks at the time
        self._awake.clear()
