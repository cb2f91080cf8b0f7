"""Notice that jobs may be claimed: now, when they are due, and once for many."""

import asyncio

from atelier_jobs.domain.wake_ups import WakeUps
from tests.support.wait import eventually


async def test_a_job_that_can_be_claimed_wakes_at_once_and_every_listener() -> None:
    wake_ups = WakeUps()
    one, two = list[str](), list[str]()
    with wake_ups.listening(one.append), wake_ups.listening(two.append):
        wake_ups.claimable("image")
    wake_ups.claimable("image")
    assert (one, two) == (["image"], ["image"])


async def test_a_delayed_job_wakes_when_it_is_due_and_never_before() -> None:
    wake_ups, loop = WakeUps(), asyncio.get_running_loop()
    woken: list[float] = []
    with wake_ups.listening(lambda _kind: woken.append(loop.time())):
        due_s = loop.time() + 0.25
        wake_ups.claimable("image", 0.25)
        await eventually(lambda: woken)
    assert due_s <= woken[0]


async def test_jobs_that_are_due_together_wake_once_for_each_kind() -> None:
    wake_ups = WakeUps()
    woken: list[str] = []
    with wake_ups.listening(woken.append):
        for kind in ("image", "video"):
            for _ in range(50):
                wake_ups.claimable(kind, 0.05)
        await eventually(lambda: {"image", "video"} <= set(woken))
    assert len(woken) <= 4, "the fifty may lie on both sides of one tick"
