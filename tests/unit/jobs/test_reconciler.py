"""When leases that ran out are looked at, and when they are nobody's fault."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from atelier_jobs.plane.reconciler import Reconciler
from atelier_service.errors import UnavailableError
from tests.support.wait import eventually


class RecordedUpkeep:
    """An Upkeep that notes when leases were looked at; its database can be unavailable."""

    def __init__(self) -> None:
        self.looked_s: list[float] = []
        self.unavailable = False
        self.refused = 0

    async def reap_expired(self, delay_s: float = 1.0) -> int:
        """See Upkeep.reap_expired."""
        if self.unavailable:
            self.refused += 1
            raise UnavailableError("DATABASE_UNAVAILABLE", "The job database does not answer.")
        self.looked_s.append(asyncio.get_running_loop().time())
        return 0

    async def purge(self, *, sent_after_s: float, keys_after_s: float) -> None:
        """See Upkeep.purge."""


@asynccontextmanager
async def _running(upkeep: RecordedUpkeep, hold_off_s: float) -> AsyncIterator[float]:
    """When it began."""
    reconciler = Reconciler(upkeep, tick_s=0.01, hold_off_s=hold_off_s)
    began_s = asyncio.get_running_loop().time()
    task = asyncio.create_task(reconciler.run())
    try:
        yield began_s
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_leases_are_looked_at_after_one_lease_period_of_its_own_uptime() -> None:
    upkeep = RecordedUpkeep()
    async with _running(upkeep, hold_off_s=0.3) as began_s:
        await eventually(lambda: upkeep.looked_s)
    assert upkeep.looked_s[0] - began_s >= 0.3


async def test_without_a_hold_off_they_are_looked_at_from_the_start() -> None:
    upkeep = RecordedUpkeep()
    async with _running(upkeep, hold_off_s=0.0):
        await eventually(lambda: len(upkeep.looked_s) > 2)


async def test_leases_are_not_reclaimed_right_after_the_database_was_unavailable() -> None:
    upkeep = RecordedUpkeep()
    async with _running(upkeep, hold_off_s=0.3):
        await eventually(lambda: upkeep.looked_s)
        upkeep.unavailable = True
        await eventually(lambda: upkeep.refused)
        upkeep.unavailable = False
        back_s, seen = asyncio.get_running_loop().time(), len(upkeep.looked_s)
        await eventually(lambda: len(upkeep.looked_s) > seen)
    assert upkeep.looked_s[seen] - back_s >= 0.25
