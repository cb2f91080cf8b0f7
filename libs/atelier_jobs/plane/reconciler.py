"""The reconciler: a slow tick that finds expired leases and removes old rows."""

import asyncio
from typing import Protocol

import structlog

from atelier_service.errors import UnavailableError
from atelier_service.tasks import uninterrupted

logger = structlog.get_logger()

_GAP_S = 3.0  # a process that ticks so much too late was stopped for a while


class Upkeep(Protocol):
    """The reconciler's side of the store; see SqlUpkeep."""

    async def reap_expired(self, delay_s: float = 1.0) -> int:
        """Ends attempts whose lease ran out. Returns how many."""
        ...

    async def purge(self, *, sent_after_s: float, keys_after_s: float) -> None:
        """Removes old rows."""
        ...


class Reconciler:
    """Runs in every process that has the database: one is enough, several do no harm.

    `tick_s` bounds how long after its lease a lost job waits. `retry_delay_s` is the first back-off after a lost
    worker. Sent outbox rows stay an hour to be looked at, idempotency keys `keys_after_s`.

    `hold_off_s`: where workers renew their leases through this process, a lease that ran out while it was down, stopped
    or without its database is nobody's fault. Leases are not looked at for so long (one lease period) after the start,
    after a gap between two ticks, and after the database was unavailable.
    """

    def __init__(
        self,
        upkeep: Upkeep,
        *,
        tick_s: float = 2.0,
        retry_delay_s: float = 1.0,
        hold_off_s: float = 0.0,
        purge_every_s: float = 60.0,
        sent_after_s: float = 3600.0,
        keys_after_s: float = 86_400.0,
    ) -> None:
        self._upkeep = upkeep
        self._tick_s = tick_s
        self._retry_delay_s = retry_delay_s
        self._hold_off_s = hold_off_s
        self._purge_every_s = purge_every_s
        self._sent_after_s = sent_after_s
        self._keys_after_s = keys_after_s

    async def run(self) -> None:
        """Until it is cancelled; the database may go away and come back."""
        loop = asyncio.get_running_loop()
        purged = ticked = loop.time()
        reaps_from = ticked + self._hold_off_s
        while True:
            if loop.time() - ticked > self._tick_s + _GAP_S:
                reaps_from = loop.time() + self._hold_off_s
            ticked = loop.time()
            try:
                if ticked >= reaps_from:
                    await uninterrupted(self.tick())
                if loop.time() - purged >= self._purge_every_s:
                    purged = loop.time()
                    await uninterrupted(
                        self._upkeep.purge(sent_after_s=self._sent_after_s, keys_after_s=self._keys_after_s)
                    )
            except UnavailableError as error:
                logger.warning("reconciler waits for the database", reason=error.reason)
                reaps_from = loop.time() + self._hold_off_s
            await asyncio.sleep(self._tick_s)

    async def tick(self) -> None:
        """Looks once. Raises UnavailableError while the database is unavailable."""
        reaped = await self._upkeep.reap_expired(self._retry_delay_s)
        if reaped:
            logger.info("reconciled", expired_leases=reaped)
