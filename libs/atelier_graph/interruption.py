"""Interruptions: what ends an execution from outside, an interrupt or the time limit."""

import asyncio
import threading
import time

from atelier_graph.errors import GraphLimitError, RunInterruptedError


class Interruption:
    """The interrupt flag and the time limit of an execution, and the event that wakes its executor.

    Args:
        seconds: The time that the execution may take, from now; None for no limit.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._flag = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._awake = asyncio.Event()

    def set(self) -> None:
        """Ends the execution at its next call of a node, progress update or wait. Thread-safe, while its loop runs."""
        self._flag.set()
        self._loop.call_soon_threadsafe(self._awake.set)

    def check(self) -> None:
        """Checks the flag and the limit. Thread-safe.

        Raises:
            RunInterruptedError: The execution is interrupted.
            GraphLimitError: The time limit is exceeded.
        """
        if self._flag.is_set():
            raise RunInterruptedError
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise GraphLimitError(f"The execution takes longer than {self._seconds} s")

    def wake(self) -> None:
        """Ends `wait`. To be called in the executor's thread."""
        self._awake.set()

    async def wait(self) -> None:
        """Waits for `set`, `wake` or the time limit. Returns after `wake`; raises like `check` after the others."""
        try:
            async with asyncio.timeout(None if self._deadline is None else max(self._deadline - time.monotonic(), 0)):
                await self._awake.wait()
        except TimeoutError:
            pass
        self._awake.clear()
        self.check()
