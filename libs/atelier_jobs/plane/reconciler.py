"""The reconciler: a periodic task that reaps expired leases and deletes old rows."""

import asyncio
from typing import Protocol

import structlog

from atelier_service.errors import UnavailableError
from atelier_service.tasks import uninterrupted

logger = structlog.get_logger()

_GAP_S = 3.0  # a process whose tick is so late was suspended; of a short lease, a third is enough for renewals to fail


class Upkeep(Protocol):
    """The reconciler's side of the store; see SqlUpkeep."""

    async def reap_expired(self, delay_s: float = 1.0) -> int:
        """Ends every attempt whose lease has expired.

        The job is queued again, FAILED after the last attempt, or CANCELED when a stop was requested.

        Args:
            delay_s: Seconds until it can be claimed again; doubled with each fault.

        Returns:
            How many attempts it ended.
        """
        ...

    async def purge(self, *, sent_after_s: float, keys_after_s: float) -> None:
        """Deletes old rows.

        Args:
            sent_after_s: Age in seconds from which outbox rows that were carried out are deleted.
            keys_after_s: Age in seconds from which idempotency keys are deleted.
        """
        ...


class Reconciler:
    """Runs in every process that has the database: one is enough, several do no harm."""

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
        """Creates the reconciler; all times are in seconds.

        Args:
            upkeep: The store.
            tick_s: Interval between two looks for expired leases.
            retry_delay_s: The first delay of a job whose worker was lost.
            hold_off_s: No lease is reaped for so long (one lease period) after the start, after a gap between two ticks
                and after the database was unavailable: workers renew their leases through this process, and could not
                meanwhile.
            purge_every_s: Interval between two deletions of old rows.
            sent_after_s: Age of outbox rows that are deleted; until then they can be inspected.
            keys_after_s: Age of idempotency keys that are deleted.
        """
        self._upkeep = upkeep
        self._tick_s = tick_s
        self._retry_delay_s = retry_delay_s
        self._hold_off_s = hold_off_s
        self._purge_every_s = purge_every_s
        self._sent_after_s = sent_after_s
        self._keys_after_s = keys_after_s

    async def run(self) -> None:
        """Runs until it is cancelled; the database may be unavailable meanwhile."""
        loop = asyncio.get_running_loop()
        purged = ticked = loop.time()
        reaps_from = ticked + self._hold_off_s
        while True:
            if loop.time() - ticked > self._tick_s + min(_GAP_S, self._hold_off_s / 3):
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
        """Reaps expired leases once. Raises UnavailableError while the database is unavailable."""
        reaped = await self._upkeep.reap_expired(self._retry_delay_s)
        if reaped:
            logger.info("reconciled", expired_leases=reaped)
