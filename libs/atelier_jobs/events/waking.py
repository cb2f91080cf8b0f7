"""Resolving many futures in several turns of the event loop, so that other calls are served in between."""

import asyncio
from collections.abc import Sequence

_AT_ONCE = 32


def wake_in_turns(waiting: Sequence["asyncio.Future[None]"]) -> None:
    """Resolves some of `waiting` now and the others in later turns of the event loop."""
    for waiter in waiting[:_AT_ONCE]:
        if not waiter.done():
            waiter.set_result(None)
    if rest := waiting[_AT_ONCE:]:
        asyncio.get_running_loop().call_soon(wake_in_turns, rest)
