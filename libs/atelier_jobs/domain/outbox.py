"""The outbox: messages and clean-ups that were committed with a job and are carried out later, by the relay."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Topic(StrEnum):
    """What an outbox row is for."""

    EVENT = "event"  # published to the event stream, durable
    HINT = "hint"  # published on core NATS, lossy: the state in SQL is authoritative
    CLEANUP = "cleanup"  # not published: files of a job are removed


REPEAT = "again"
"""Message id of a clean-up that is carried out a second time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One row of the outbox. By its `message_id` the broker drops duplicates."""

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
    def is_repeat(self) -> bool:
        """True for a clean-up that was done before; see `Outbox.schedule_repeat`."""
        return self.message_id == REPEAT


@dataclass(frozen=True, slots=True)
class Pending:
    """Due rows, and seconds until the next one is due (None: not soon)."""

    rows: Sequence[OutboxRow]
    next_due_in_s: float | None


@dataclass(frozen=True, slots=True)
class Cleanup:
    """A job whose files can be removed, except those of `keep_epoch` (0: none are excepted)."""

    job_id: str
    owner: str
    keep_epoch: int


class Outbox(Protocol):
    """The relay's side of the store."""

    @property
    def written(self) -> asyncio.Event:
        """Set after each commit of this process that wrote rows."""
        ...

    @property
    def cleanup_written(self) -> asyncio.Event:
        """Set after each commit of this process that wrote a clean-up."""
        ...

    async def pending(self, topics: Sequence[Topic], limit: int, *, ahead_s: float = 0.0) -> Pending:
        """Reads due rows: those of this process, and overdue ones of other processes.

        Args:
            topics: Topics to read.
            limit: The maximum number of rows.
            ahead_s: How far ahead, in seconds, to look for the next row of this process that will be due.

        Returns:
            The rows in the order in which they were written.
        """
        ...

    async def mark_sent(self, ids: Sequence[int]) -> None:
        """Marks rows as carried out."""
        ...

    async def schedule_repeat(self, row_id: int, delay_s: float) -> None:
        """Schedules a clean-up that was done for a second and last time, after `delay_s` seconds."""
        ...

    async def postpone(self, row_id: int, delay_s: float) -> None:
        """Delays a row by `delay_s` seconds: a clean-up failed, or the broker refused the message."""
        ...

    async def cleanup_of(self, row: OutboxRow) -> Cleanup | None:
        """Returns what can be removed now; None while the job runs again: its end writes another clean-up."""
        ...
