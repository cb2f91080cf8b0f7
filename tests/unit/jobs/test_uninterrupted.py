"""Cancellation that waits."""

import asyncio

import pytest

from atelier_jobs.uninterrupted import uninterrupted


@pytest.mark.parametrize("cancellations", [1, 2])
async def test_work_ends_before_its_caller_hears_of_the_cancellation(cancellations: int) -> None:
    began, may_end = asyncio.Event(), asyncio.Event()
    ended = False

    async def work() -> None:
        nonlocal ended
        began.set()
        await may_end.wait()
        ended = True

    caller = asyncio.create_task(uninterrupted(work()))
    await began.wait()
    for _ in range(cancellations):
        caller.cancel()
        await asyncio.sleep(0)  # it hears of this one before the next
        assert not caller.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended


async def test_answers_and_errors_pass_through() -> None:
    async def divide(by: int) -> float:
        return 1 / by

    assert await uninterrupted(divide(2)) == 0.5
    with pytest.raises(ZeroDivisionError):
        await uninterrupted(divide(0))


async def test_an_error_that_nobody_hears_any_more_does_not_replace_the_cancellation() -> None:
    began, may_end = asyncio.Event(), asyncio.Event()

    async def fail() -> None:
        began.set()
        await may_end.wait()
        raise ValueError

    caller = asyncio.create_task(uninterrupted(fail()))
    await began.wait()
    caller.cancel()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
