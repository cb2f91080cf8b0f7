"""What waits to be published, as the relay sees it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Topic(StrEnum):
    """What an outbox row is for."""

    EVENT = "event"  # to the event stream, durable
    HINT = "hint"  # core NATS, lossy: the flag in SQL is the truth
    CLEANUP = "cleanup"  # not for the bus: files of a job to be removed


AGAIN = "again"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One message to be. `message_id` lets the broker drop a second copy."""

    id: int
    topic: Topic
    job_id: str
    owner: str
    subject: str
    message_id: str
    payload: bytes
    traceparent: str
    due_us: int

    @property
    def again(self) -> bool:
        """A clean-up that was done before; see `Outbox.once_more`."""
        return self.message_id == AGAIN


@dataclass(frozen=True, slots=True)
class Pending:
    """What is due, and when something else will be (None: not soon)."""

    rows: Sequence[OutboxRow]
    next_due_in_s: float | None


@dataclass(frozen=True, slots=True)
class Cleanup:
    """Files of a job that nothing refers to any more: all but those of `keep_epoch` (0: all)."""

    job_id: str
    owner: str
    keep_epoch: int


class Outbox(Protocol):
    """The relay's side of the store."""

    @property
    def written(self) -> asyncio.Event:
        """Set after each commit of this process that left something to publish."""
        ...

    @property
    def cleanup_written(self) -> asyncio.Event:
        """Set after each commit of this process that left files to be removed."""
        ...

    async def pending(self, topics: Sequence[Topic], limit: int, *, ahead_s: float = 0.0) -> Pending:
        """Due rows in the order in which they were written: this process's own, and what others left lying; and how
        soon, within `ahead_s`, another one of this process will be due."""
        ...

    async def mark_sent(self, ids: Sequence[int]) -> None:
        """These went out."""
        ...

    async def once_more(self, row_id: int, delay_s: float) -> None:
        """This clean-up was done, and is to be done a last time: its row says `again` then."""
        ...

    async def postpone(self, row_id: int, delay_s: float) -> None:
        """Not now: a clean-up failed, or the broker refused it."""
        ...

    async def cleanup_of(self, row: OutboxRow) -> Cleanup | None:
        """What may be removed now; None while the job runs again, whose end will ask once more."""
        ...
