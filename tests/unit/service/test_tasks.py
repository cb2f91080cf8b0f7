"""Racing two tasks, and shielding from cancellation."""

import asyncio

import pytest

from atelier_service.tasks import first_of, uninterrupted


@pytest.mark.parametrize("cancellations", [1, 2])
async def test_work_ends_before_its_caller_is_cancelled(cancellations: int) -> None:
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


async def test_results_and_errors_are_passed_on() -> None:
    async def divide(by: int) -> float:
        return 1 / by

    assert await uninterrupted(divide(2)) == 0.5
    with pytest.raises(ZeroDivisionError):
        await uninterrupted(divide(0))


async def test_an_error_of_the_work_does_not_replace_the_cancellation() -> None:
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


async def test_the_block_begins_when_the_first_ends_and_the_other_is_cancelled_at_its_end() -> None:
    async def five() -> int:
        return 5

    async with first_of(five(), asyncio.Event().wait()) as (number, never):
        assert number.result() == 5
        assert not never.done()
    assert never.cancelled()


async def test_an_error_of_the_first_to_end_is_in_its_task() -> None:
    async def fail() -> None:
        raise ValueError("an error of its own")

    async with first_of(asyncio.Event().wait(), fail()) as (_, failing):
        assert failing.done()
    with pytest.raises(ValueError, match="an error of its own"):
        failing.result()


async def test_a_cancelled_caller_leaves_neither_of_two_tasks_running() -> None:
    began, ended = asyncio.Event(), 0

    async def work() -> None:
        nonlocal ended
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # its end takes a turn of the loop
            ended += 1

    async def race() -> None:
        async with first_of(work(), work()):
            pytest.fail("neither of them ends by itself")

    caller = asyncio.create_task(race())
    await began.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended == 2
