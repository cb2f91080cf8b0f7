"""What waits for a watcher: every durable event up to a bound, and of ephemeral ones the newest."""

import asyncio

from atelier.events.v1 import events_pb2
from atelier.jobs.v1 import job_pb2
from atelier_events.watcher import SlowWatcherError, Watcher
from atelier_jobs.events.shared_event import SharedEvent


def durable(cursor: int, job_id: str = "a") -> SharedEvent:
    """An event of the log."""
    return SharedEvent(events_pb2.Event(type="generation.progress", job_id=job_id, cursor=str(cursor)), str(cursor))


def step(number: int, job_id: str = "a") -> SharedEvent:
    """An ephemeral event."""
    progress = events_pb2.GenerationProgress(progress=job_pb2.Progress(done=number))
    return SharedEvent(events_pb2.Event(type="generation.progress", job_id=job_id, generation_progress=progress))


def watcher(backlog: int = 10) -> Watcher:
    """One who wants everything."""
    return Watcher(backlog, bool)


async def cursors_until_it_ends(slow: Watcher) -> list[str]:
    """What it is given before it loses its stream."""
    found: list[str] = []
    try:
        while shared := await slow.next(5):
            found.append(shared.event.cursor)
    except SlowWatcherError:
        return found
    raise AssertionError("it keeps its stream")


async def test_after_an_overflow_nothing_later_is_taken_even_when_there_is_room_again() -> None:
    slow = watcher(backlog=2)
    for cursor in (1, 2, 3):
        slow.offer(durable(cursor))
    first = await slow.next(5)

    slow.offer(durable(4))

    assert first is not None
    assert [first.event.cursor, *await cursors_until_it_ends(slow)] == ["1", "2"]


async def test_ephemeral_events_take_no_place_and_the_newest_of_each_job_wins() -> None:
    slow = watcher(backlog=1)
    for number in range(1, 100):
        slow.offer(step(number, "a"))
        slow.offer(step(number, "b"))
    slow.offer(durable(1, "c"))

    found = [await slow.next(5) for _ in range(3)]

    told = [(shared.event.job_id, shared.event.generation_progress.progress.done) for shared in found if shared]
    assert told == [("c", 0), ("a", 99), ("b", 99)]
    assert await slow.next(0) is None


async def test_a_step_that_waits_is_dropped_when_something_newer_happened_to_its_job() -> None:
    slow = watcher()
    slow.offer(step(5))
    slow.offer(durable(1))

    assert (await slow.next(5)) is not None
    assert await slow.next(0) is None


async def test_events_that_are_not_wanted_take_no_place() -> None:
    one_job = Watcher(1, lambda event: event.job_id == "a")
    for cursor in range(1, 50):
        one_job.offer(durable(cursor, "b"))
    one_job.offer(durable(50))

    shared = await one_job.next(5)

    assert shared is not None
    assert shared.event.cursor == "50"


async def test_an_offer_wakes_the_waiting_reader() -> None:
    waiting = watcher()
    task = asyncio.create_task(waiting.next(60))
    await asyncio.sleep(0)  # it waits now
    assert waiting.waiter is not None

    waiting.offer(durable(1))
    waiting.waiter.set_result(None)

    shared = await task
    assert shared is not None
