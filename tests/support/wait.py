"""Waiting for a condition with a deadline, instead of sleeping."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(predicate: Callable[[], Awaitable[T]], timeout_s: float = 10.0, what: str = "") -> T: ...
@overload
async def eventually(predicate: Callable[[], T], timeout_s: float = 10.0, what: str = "") -> T: ...
async def eventually(predicate: Callable[[], Any], timeout_s: float = 10.0, what: str = "") -> Any:
    """Returns the first true value of `predicate`, polled every 20 ms; raises AssertionError after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = predicate()
        value = await answer if inspect.isawaitable(answer) else answer
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what or inspect.getsource(predicate).strip()}")
        await asyncio.sleep(0.02)
