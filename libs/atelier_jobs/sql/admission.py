"""Admission of new jobs: their place in the queue, and limits that are exact without a lock on every submit."""

import asyncio
from dataclasses import dataclass

from sqlalchemy import Float, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from atelier_jobs.domain.claim_order import Place, Priority, place
from atelier_jobs.domain.store import Limits
from atelier_jobs.sql.clock import now_us
from atelier_jobs.sql.database import Transaction
from atelier_jobs.sql.standing import LATEST_FINISH, LIVE, QUEUED, VIRTUAL_TIME
from atelier_service.errors import ResourceExhaustedError

# Jobs are counted under a lock only near a limit: closer than the submits that may be in flight at once. For one owner
# these are the open transactions, at most 16 in each process; for the whole queue, whose count may be a second old, the
# submits of one second.
OWNER_MARGIN = 100
QUEUE_MARGIN = 2_000
COUNT_AGE_S = 1.0

# Built once: they run with every submit.
_STANDING = select(
    now_us().label("now_us"),
    LIVE.label("live"),
    func.coalesce(VIRTUAL_TIME, literal(0.0, Float)).label("virtual_time"),
    func.coalesce(LATEST_FINISH, literal(0.0, Float)).label("latest_finish"),
)
_COUNT_LIVE = select(LIVE)
_COUNT_QUEUED = select(QUEUED)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


def far_from(limits: Limits) -> int | None:
    """Returns below how many unfinished jobs an owner is far from the limit; 0: never, None: there is no limit."""
    return max(0, limits.max_live_per_owner - OWNER_MARGIN) if limits.max_live_per_owner else None


@dataclass(slots=True)
class _Count:
    """A count of QUEUED jobs, and of those that this process has submitted since."""

    jobs: int
    until_s: float
    since: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The counts and virtual times of an owner and a queue at a submit.

    Counts near a limit are exact until the transaction ends; `queued` far from it is 0.
    """

    now_us: int
    live: int
    queued: int
    virtual_time: float
    latest_finish: float
    limits: Limits

    def place(self, cost: float) -> Place:
        """Returns the place in the queue of a new job of this owner."""
        return place(virtual_time=self.virtual_time, latest_finish=self.latest_finish, cost=cost)

    def check(self, *, already_live: bool = False) -> None:
        """Raises ResourceExhaustedError when one more job exceeds a limit.

        Args:
            already_live: True for a job that already counts among its owner's live ones.
        """
        limits = self.limits
        if limits.max_live_per_owner and not already_live and self.live >= limits.max_live_per_owner:
            raise ResourceExhaustedError(
                "QUOTA_EXCEEDED",
                f"You have {limits.max_live_per_owner} unfinished jobs, which is as many as you may have.",
                metadata={"limit": str(limits.max_live_per_owner)},
                retry_after_s=limits.retry_after_s,
            )
        if limits.max_queued and self.queued >= limits.max_queued:
            raise ResourceExhaustedError(
                "QUEUE_FULL",
                "The queue is full.",
                metadata={"limit": str(limits.max_queued)},
                retry_after_s=limits.retry_after_s,
            )


class Admission:
    """Reads standings; one object a process, for it remembers how long the queues were."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    async def standing(
        self, transaction: Transaction, owner: str, kind: str, priority: Priority, limits: Limits
    ) -> Standing:
        """Reads the standing of `owner` in the queue of `kind`, in one statement while both are far from their limits.

        Near a limit it waits until no other transaction counts for it: take it before you lock a job's row.
        """
        values: dict[str, str | int] = {
            "owner": owner, "kind": kind, "priority": int(priority), "max_live": limits.max_live_per_owner,
            "max_queued": limits.max_queued,
        }  # fmt: skip
        row = (await transaction.connection.execute(_STANDING, values)).mappings().one()
        live = row["live"]
        if limits.max_live_per_owner and live + OWNER_MARGIN >= limits.max_live_per_owner:
            await self._lock(transaction, f"atelier.jobs.{kind}/{owner}")
            live = (await transaction.connection.execute(_COUNT_LIVE, values)).scalar_one()
        queued = 0
        if not await self.is_far(transaction.connection, kind, limits):
            await self._lock(transaction, f"atelier.jobs.{kind}")
            queued = (await transaction.connection.execute(_COUNT_QUEUED, values)).scalar_one()
        return Standing(
            now_us=row["now_us"], live=live, queued=queued, virtual_time=row["virtual_time"],
            latest_finish=row["latest_finish"], limits=limits,
        )  # fmt: skip

    async def is_far(self, connection: AsyncConnection, kind: str, limits: Limits) -> bool:
        """Returns whether the queue is so far from its limit that no count is needed; it is counted once a second."""
        if not limits.max_queued:
            return True
        now_s = asyncio.get_running_loop().time()
        count = self._counts.get(kind)
        if count is None or now_s > count.until_s:
            # Concurrent submits use the previous count until the new one is read.
            jobs = limits.max_queued if count is None else count.jobs + count.since
            count = self._counts[kind] = _Count(jobs, until_s=now_s + COUNT_AGE_S)
            values = {"kind": kind, "max_queued": limits.max_queued}
            count.jobs = (await connection.execute(_COUNT_QUEUED, values)).scalar_one()
        count.since += 1
        return count.jobs + count.since + QUEUE_MARGIN < limits.max_queued

    async def _lock(self, transaction: Transaction, name: str) -> None:
        """Serialises counts, so that the last free place is given once. SQLite has one writer anyway."""
        if transaction.connection.dialect.name == "postgresql":
            await transaction.connection.execute(_LOCK, {"name": name})
