"""Ephemeral events on their way to watchers: fewer when many watch, previews before all others."""

import asyncio

from atelier.events.v1 import events_pb2
from atelier.jobs.v1 import job_pb2
from atelier_events.ephemeral import EphemeralEvents
from atelier_jobs.events.pace import Pace
from atelier_jobs.events.shared_event import SharedEvent
from tests.support.wait import eventually


def step(number: int, preview: bytes = b"") -> events_pb2.Event:
    """A step of job `a`."""
    progress = events_pb2.GenerationProgress(progress=job_pb2.Progress(done=number), preview=preview)
    return events_pb2.Event(type="generation.progress", job_id="a", generation_progress=progress)


class Audience:
    """So many who take every event, which are remembered."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.taken: list[events_pb2.GenerationProgress] = []

    def hand_out(self, owner: str, shared: SharedEvent) -> int:
        """See EphemeralEvents."""
        self.taken.append(shared.event.generation_progress)
        return self._size


async def test_while_a_large_audience_is_served_the_newest_step_waits_for_all_others() -> None:
    audience = Audience(100)
    waiting = EphemeralEvents(Pace(200), audience.hand_out)  # half a second for a step, five for a preview
    waiting.offer("ada", step(1, b"first"))
    await eventually(lambda: audience.taken)
    for number in range(2, 50):
        waiting.offer("ada", step(number, b"later"))
    await eventually(lambda: len(audience.taken) == 2)
    waiting.close()

    assert [(taken.progress.done, taken.preview) for taken in audience.taken] == [(1, b"first"), (49, b"")]


async def test_a_step_without_a_preview_carries_the_one_that_waited() -> None:
    audience = Audience(1)
    waiting = EphemeralEvents(Pace(1000), audience.hand_out)
    waiting.offer("ada", step(1, b"picture"))
    waiting.offer("ada", step(2))
    await eventually(lambda: audience.taken)
    waiting.close()

    assert [(taken.progress.done, taken.preview) for taken in audience.taken] == [(2, b"picture")]


async def test_a_step_is_dropped_when_something_newer_happened_to_its_job() -> None:
    audience = Audience(1)
    waiting = EphemeralEvents(Pace(1000), audience.hand_out)
    waiting.offer("ada", step(1))
    waiting.forget("ada", "a")
    waiting.offer("ada", events_pb2.Event(job_id="b"))
    await eventually(lambda: audience.taken)
    await asyncio.sleep(0)
    waiting.close()

    assert len(audience.taken) == 1
