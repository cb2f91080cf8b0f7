"""Cancellation that waits."""

import asyncio

import pytest

from atelier_jobs.uninterrupted import uninterrupted


async def test_work_ends_before_its_caller_hears_of_the_cancellation() -> None:
    began, may_end = asyncio.Event(), asyncio.Event()
    ended = False

    async def work() -> None:
        nonlocal ended
        began.set()
        await may_end.wait()
        ended = True

    caller = asyncio.create_task(uninterrupted(work()))
    await began.wait()
    caller.cancel()
    asyncio.get_running_loop().call_soon(may_end.set)
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended


async def test_answers_and_errors_pass_through() -> None:
    async def divide(by: int) -> float:
        return 1 / by

    assert await uninterrupted(divide(2)) == 0.5
    with pytest.raises(ZeroDivisionError):
        await uninterrupted(divide(0))
